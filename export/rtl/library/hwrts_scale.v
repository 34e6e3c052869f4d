// The product of each code with a constant, requantised once.
module hwrts_scale #(
    parameter LANES = 3,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter MULTIPLIER = 1,    // -127..127
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
    localparam signed [7:0] FACTOR = MULTIPLIER;
    wire [LANES*OUT_BITS-1:0] made;
    hwrts_register #(.WIDTH(LANES*OUT_BITS)) result (
        .clk(clk), .reset(reset), .s_valid(s_valid), .s_ready(s_ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            wire [IN_BITS-1:0] x = s_data[n*IN_BITS +: IN_BITS];
            wire signed [IN_BITS:0] number = {IN_SIGNED != 0 ? x[IN_BITS-1] : 1'b0, x};
            wire signed [IN_BITS+8:0] product = number * FACTOR;
            wire signed [ACC-1:0] acc = product;
            hwrts_requantise #(
                .ACC(ACC), .SHIFT_LOW(SHIFT), .SHIFT_HIGH(SHIFT), .SHIFT_BITS(1), .ROUNDING(ROUNDING),
                .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
            ) requantise (.acc(acc), .shift(1'b0), .code(made[n*OUT_BITS +: OUT_BITS]));
        end
    endgenerate
endmodule
