// Leaky ReLU: codes from zero on are shifted, those below are multiplied with the slope of their channel; one
// requantisation.
module hwrts_prelu #(
    parameter LANES = 3,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter [LANES*8-1:0] SLOPES = 0,  // of each lane, the first in the low bits
    parameter FRAC = 0,          // fraction bits of the slopes
    parameter ACC = 17,
    parameter SHIFT = 0,
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0
) (
    input  wire                      clk,
    input  wire                      reset,
    input  wire                      s_valid,
    output wire                      s_ready,
    input  wire [LANES*IN_BITS-1:0]  s_data,
    output wire                      m_valid,
    input  wire                      m_ready,
    output wire [LANES*OUT_BITS-1:0] m_data
);
    wire [LANES*OUT_BITS-1:0] made;
    hwrts_register #(.WIDTH(LANES*OUT_BITS)) result (
        .clk(clk), .reset(reset), .s_valid(s_valid), .s_ready(s_ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            wire [IN_BITS-1:0] x = s_data[n*IN_BITS +: IN_BITS];
            wire negative = IN_SIGNED != 0 && x[IN_BITS-1];
            wire signed [IN_BITS:0] number = {negative, x};
            wire signed [7:0] slope = SLOPES[n*8 +: 8];
            wire signed [IN_BITS+8:0] below = number * slope;
            wire signed [ACC+IN_BITS:0] wide = {{ACC{negative}}, number};
            wire signed [ACC+IN_BITS:0] above = wide <<< FRAC;
            wire signed [ACC-1:0] below_acc = below;
            wire signed [ACC-1:0] acc = negative ? below_acc : above[ACC-1:0];
            hwrts_requantise #(
                .ACC(ACC), .SHIFT_LOW(SHIFT), .SHIFT_HIGH(SHIFT), .SHIFT_BITS(1), .ROUNDING(ROUNDING),
                .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
            ) requantise (.acc(acc), .shift(1'b0), .code(made[n*OUT_BITS +: OUT_BITS]));
        end
    endgenerate
endmodule
