// SIMD products of codes and weights and their sum: two clocks, a register behind each.
module hwrts_lane #(
    parameter SIMD = 9,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter WEIGHT_BITS = 8,
    parameter ACC = 24           // bits of the accumulator: a sum is right modulo 2**ACC, which is enough
) (
    input  wire                        clk,
    input  wire                        enable,
    input  wire [SIMD*IN_BITS-1:0]     codes,
    input  wire [SIMD*WEIGHT_BITS-1:0] weights,
    output reg  signed [ACC-1:0]       sum
);
    localparam PRODUCT = IN_BITS + WEIGHT_BITS;  // |code| <= 2**IN_BITS - 1 or 2**(IN_BITS-1)
    localparam FULL = PRODUCT + $clog2(SIMD);
    localparam TREE = FULL < ACC ? FULL : ACC;

    // Registers one by one, whatever looks like a memory. The tree is balanced: node k adds nodes 2k+1 and
    // 2k+2, the last SIMD of them are the products.
    (* mem2reg *) reg signed [PRODUCT-1:0] product [0:SIMD-1];
    (* mem2reg *) reg signed [TREE-1:0] node [0:2*SIMD-2];
    reg [IN_BITS-1:0] code;
    reg signed [IN_BITS:0] number;
    reg signed [WEIGHT_BITS-1:0] weight;
    integer k;
    always @(posedge clk)
        if (enable) begin
            for (k = 0; k < SIMD; k = k + 1) node[SIMD-1+k] = product[k];
            for (k = SIMD - 2; k >= 0; k = k - 1) node[k] = node[2*k+1] + node[2*k+2];
            sum <= node[0];
            for (k = 0; k < SIMD; k = k + 1) begin  // behind their last use: nobody else sees them
                code = codes[k*IN_BITS +: IN_BITS];
                number = {IN_SIGNED != 0 ? code[IN_BITS-1] : 1'b0, code};
                weight = weights[k*WEIGHT_BITS +: WEIGHT_BITS];
                product[k] = number * weight;
            end
        end
endmodule
