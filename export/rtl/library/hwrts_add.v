// The sum or the difference of two streams, aligned, added exactly and requantised once.
module hwrts_add #(
    parameter LANES = 3,         // codes of a word of the result
    parameter A_EACH = 1,         // lanes of the result that meet one code: 1, or all channels
    parameter A_BITS = 8,
    parameter A_SIGNED = 0,
    parameter A_LEFT = 0,        // bits that align it
    parameter B_EACH = 1,
    parameter B_BITS = 8,
    parameter B_SIGNED = 0,
    parameter B_LEFT = 0,
    parameter NEGATED = 0,       // b is subtracted
    parameter ACC = 10,
    parameter SHIFT = 0,         // bits that are dropped; below zero they are added
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
            // Right modulo 2**ACC, which holds the sum: so operands may be cut to it.
            wire signed [ACC+A_BITS-1:0] wide_a = {{ACC{A_SIGNED != 0 && a[A_BITS-1]}}, a};
            wire signed [ACC+B_BITS-1:0] wide_b = {{ACC{B_SIGNED != 0 && b[B_BITS-1]}}, b};
            wire signed [ACC-1:0] left = wide_a <<< A_LEFT;
            wire signed [ACC-1:0] right = wide_b <<< B_LEFT;
            wire signed [ACC-1:0] acc = NEGATED != 0 ? left - right : left + right;
            hwrts_requantise #(
                .ACC(ACC), .SHIFT_LOW(SHIFT), .SHIFT_HIGH(SHIFT), .SHIFT_BITS(1), .ROUNDING(ROUNDING),
                .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
            ) requantise (.acc(acc), .shift(1'b0), .code(made[n*OUT_BITS +: OUT_BITS]));
        end
    endgenerate
endmodule
