// The product of two streams, code by code, requantised once.
module hwrts_multiply #(
    parameter LANES = 3,         // codes of a word of the result
    parameter A_EACH = 1,         // lanes of the result that meet one code: 1, or all channels
    parameter A_BITS = 8,
    parameter A_SIGNED = 0,
    parameter B_EACH = 1,
    parameter B_BITS = 8,
    parameter B_SIGNED = 0,
    parameter ACC = 17,
    parameter SHIFT = 8,
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0
) (
    input  wire                      clk,
    input  wire                      reset,
    input  wire                      a_valid,
    output wire                      a_ready,
    input  wire [LANES/A_EACH*A_BITS-1:0]   a_data,
    input  wire                      b_valid,
    output wire                      b_ready,
    input  wire [LANES/B_EACH*B_BITS-1:0]   b_data,
    output wire                      m_valid,
    input  wire                      m_ready,
    output wire [LANES*OUT_BITS-1:0] m_data
);
    wire ready;
    assign a_ready = ready && b_valid;
    assign b_ready = ready && a_valid;
    wire [LANES*OUT_BITS-1:0] made;
    hwrts_register #(.WIDTH(LANES*OUT_BITS)) result (
        .clk(clk), .reset(reset), .s_valid(a_valid && b_valid), .s_ready(ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            wire [A_BITS-1:0] a = a_data[n/A_EACH*A_BITS +: A_BITS];
            wire [B_BITS-1:0] b = b_data[n/B_EACH*B_BITS +: B_BITS];
            wire signed [A_BITS:0] left = {A_SIGNED != 0 ? a[A_BITS-1] : 1'b0, a};
            wire signed [B_BITS:0] right = {B_SIGNED != 0 ? b[B_BITS-1] : 1'b0, b};
            wire signed [A_BITS+B_BITS+1:0] product = left * right;
            wire signed [ACC-1:0] acc = product;
            hwrts_requantise #(
                .ACC(ACC), .SHIFT_LOW(SHIFT), .SHIFT_HIGH(SHIFT), .SHIFT_BITS(1), .ROUNDING(ROUNDING),
                .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
            ) requantise (.acc(acc), .shift(1'b0), .code(made[n*OUT_BITS +: OUT_BITS]));
        end
    endgenerate
endmodule
