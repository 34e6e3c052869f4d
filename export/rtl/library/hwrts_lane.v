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

    // The tree is balanced: node k adds nodes 2k+1 and 2k+2, the last SIMD of them are the products. A node has
    // the bits of the sums of its level; they stand in words of as many bits as the last one.
    localparam DEEPEST = $clog2(SIMD);
    wire signed [FULL-1:0] node [0:2*SIMD-2];
    genvar d, k;
    generate
        for (k = 0; k < SIMD; k = k + 1) begin : leaf
            wire [IN_BITS-1:0] code = codes[k*IN_BITS +: IN_BITS];
            wire signed [IN_BITS:0] number = {IN_SIGNED != 0 ? code[IN_BITS-1] : 1'b0, code};
            wire signed [WEIGHT_BITS-1:0] weight = weights[k*WEIGHT_BITS +: WEIGHT_BITS];
            reg signed [PRODUCT-1:0] product;
            always @(posedge clk) if (enable) product <= number * weight;
            assign node[SIMD-1+k] = product;
        end
        for (d = 0; d < DEEPEST; d = d + 1) begin : level
            for (k = (1 << d) - 1; k < (2 << d) - 1 && k < SIMD - 1; k = k + 1) begin : pair
                localparam BITS = PRODUCT + DEEPEST - d - 1;  // of an operand
                wire signed [BITS:0] total;
                hwrts_sum #(.BITS(BITS)) both (
                    .a(node[2*k+1][BITS-1:0]), .b(node[2*k+2][BITS-1:0]), .sum(total)
                );
                assign node[k] = total;
            end
        end
    endgenerate
    wire signed [FULL+ACC-1:0] whole = node[0];
    always @(posedge clk) if (enable) sum <= whole[ACC-1:0];
endmodule
