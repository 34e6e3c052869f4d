// The largest code under a window, channel by channel. The edge is repeated, which changes no largest code.
module hwrts_max_pool #(
    parameter CHANNELS = 3,
    parameter ROWS = 2,
    parameter COLUMNS = 2,
    parameter BELOW = 1,         // as of hwrts_window.v
    parameter RIGHT = 1,
    parameter PAST_ROWS = 0,
    parameter PAST_COLUMNS = 0,
    parameter STRIDE = 2,
    parameter BITS = 8,
    parameter SIGNED = 0,
    parameter SLOW = 0,
    parameter WIDEST = 64,
    parameter SIZE = 16
) (
    input  wire                     clk,
    input  wire                     reset,
    input  wire [SIZE-1:0]          width,
    input  wire [SIZE-1:0]          height,
    input  wire                     s_valid,
    output wire                     s_ready,
    input  wire [CHANNELS*BITS-1:0] s_data,
    output wire                     m_valid,
    input  wire                     m_ready,
    output wire [CHANNELS*BITS-1:0] m_data
);
    localparam WORD = CHANNELS * BITS;
    wire window_valid, ready, unused_valid;
    wire [WORD-1:0] unused, made;
    wire [ROWS*COLUMNS*WORD-1:0] window;
    hwrts_window #(
        .WORD(WORD), .ROWS(ROWS), .COLUMNS(COLUMNS), .BELOW(BELOW), .RIGHT(RIGHT), .PAST_ROWS(PAST_ROWS),
        .PAST_COLUMNS(PAST_COLUMNS), .STRIDE(STRIDE), .EDGE(1), .SLOW(SLOW), .TAPPED(0), .WIDEST(WIDEST), .SIZE(SIZE)
    ) around (
        .clk(clk), .reset(reset), .width(width), .height(height),
        .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data),
        .tap_valid(unused_valid), .tap_ready(1'b1), .tap_data(unused),
        .m_valid(window_valid), .m_ready(ready), .m_data(window)
    );
    hwrts_largest #(.WORDS(ROWS*COLUMNS), .LANES(CHANNELS), .BITS(BITS), .SIGNED(SIGNED)) tree (
        .words(window), .largest(made)
    );
    hwrts_register #(.WIDTH(WORD)) result (
        .clk(clk), .reset(reset), .s_valid(window_valid), .s_ready(ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );
endmodule
