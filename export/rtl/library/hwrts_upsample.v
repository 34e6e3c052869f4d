// Interpolation by fixed taps: FACTOR x FACTOR new pixels for each, their sums exact, requantised once.
//
// Sums down the columns, a register, sums along the rows. All products are by constants. Sums are right modulo
// 2**ACC, which holds the last of them. The edge is repeated.
module hwrts_upsample #(
    parameter CHANNELS = 3,
    parameter FACTOR = 2,
    parameter TAPS = 3,          // of each direction, an odd number
    parameter TAP_BITS = 9,
    parameter [FACTOR*TAPS*TAP_BITS-1:0] VALUES = 0,  // of each phase, those of the first in the low bits
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter ACC = 24,
    parameter SHIFT = 8,
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0,
    parameter SLOW = 0,
    parameter WIDEST = 64,
    parameter SIZE = 16
) (
    input  wire                                       clk,
    input  wire                                       reset,
    input  wire [SIZE-1:0]                            width,
    input  wire [SIZE-1:0]                            height,
    input  wire                                       s_valid,
    output wire                                       s_ready,
    input  wire [CHANNELS*IN_BITS-1:0]                s_data,
    output wire                                       m_valid,
    input  wire                                       m_ready,
    output wire [FACTOR*FACTOR*CHANNELS*OUT_BITS-1:0] m_data
);
    localparam WORD = CHANNELS * IN_BITS;
    localparam MARGIN = TAPS / 2;
    localparam SUMS = CHANNELS * FACTOR * TAPS * ACC;
    localparam MADE = FACTOR * FACTOR * CHANNELS * OUT_BITS;
    wire window_valid, down_valid, down_ready, ready, unused_valid;
    wire [WORD-1:0] unused;
    wire [TAPS*TAPS*WORD-1:0] window;
    wire [SUMS-1:0] down, held;  // of each channel, phase and column
    wire [MADE-1:0] made;
    hwrts_window #(
        .WORD(WORD), .ROWS(TAPS), .COLUMNS(TAPS), .BELOW(MARGIN), .RIGHT(MARGIN), .PAST_ROWS(MARGIN),
        .PAST_COLUMNS(MARGIN), .STRIDE(1), .EDGE(1), .SLOW(SLOW), .TAPPED(0), .WIDEST(WIDEST), .SIZE(SIZE)
    ) around (
        .clk(clk), .reset(reset), .width(width), .height(height),
        .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data),
        .tap_valid(unused_valid), .tap_ready(1'b1), .tap_data(unused),
        .m_valid(window_valid), .m_ready(down_ready), .m_data(window)
    );
    hwrts_register #(.WIDTH(SUMS)) columns (
        .clk(clk), .reset(reset), .s_valid(window_valid), .s_ready(down_ready), .s_data(down),
        .m_valid(down_valid), .m_ready(ready), .m_data(held)
    );
    hwrts_register #(.WIDTH(MADE)) result (
        .clk(clk), .reset(reset), .s_valid(down_valid), .s_ready(ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );

    genvar c, i, j, u, k;
    generate
        for (c = 0; c < CHANNELS; c = c + 1) begin : channel
            for (i = 0; i < FACTOR; i = i + 1) begin : phase
                for (u = 0; u < TAPS; u = u + 1) begin : column
                    wire signed [ACC-1:0] partial [0:TAPS];
                    assign partial[0] = 0;
                    for (k = 0; k < TAPS; k = k + 1) begin : row
                        wire [IN_BITS-1:0] x = window[(k*TAPS + u)*WORD + c*IN_BITS +: IN_BITS];
                        wire signed [IN_BITS:0] number = {IN_SIGNED != 0 ? x[IN_BITS-1] : 1'b0, x};
                        wire signed [TAP_BITS-1:0] tap = VALUES[(i*TAPS + k)*TAP_BITS +: TAP_BITS];
                        wire signed [IN_BITS+TAP_BITS:0] product = number * tap;
                        assign partial[k+1] = partial[k] + product;
                    end
                    assign down[((c*FACTOR + i)*TAPS + u)*ACC +: ACC] = partial[TAPS];
                end
                for (j = 0; j < FACTOR; j = j + 1) begin : made_column
                    wire signed [ACC-1:0] acc [0:TAPS];
                    assign acc[0] = 0;
                    for (u = 0; u < TAPS; u = u + 1) begin : column
                        wire signed [ACC-1:0] sum = held[((c*FACTOR + i)*TAPS + u)*ACC +: ACC];
                        wire signed [TAP_BITS-1:0] tap = VALUES[(j*TAPS + u)*TAP_BITS +: TAP_BITS];
                        wire signed [ACC+TAP_BITS-1:0] product = sum * tap;
                        assign acc[u+1] = acc[u] + product[ACC-1:0];
                    end
                    hwrts_requantise #(
                        .ACC(ACC), .SHIFT_LOW(SHIFT), .SHIFT_HIGH(SHIFT), .SHIFT_BITS(1), .ROUNDING(ROUNDING),
                        .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
                    ) requantise (
                        .acc(acc[TAPS]), .shift(1'b0),
                        .code(made[((i*FACTOR + j)*CHANNELS + c)*OUT_BITS +: OUT_BITS])
                    );
                end
            end
        end
    endgenerate
endmodule
