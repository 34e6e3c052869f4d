// The pixels of a square in one word: channel c of row i, column j becomes channel (c*BLOCK + i)*BLOCK + j.
module hwrts_space_to_depth #(
    parameter CHANNELS = 3,
    parameter BLOCK = 2,
    parameter BITS = 8,
    parameter WIDEST = 64,
    parameter SIZE = 16
) (
    input  wire                                 clk,
    input  wire                                 reset,
    input  wire [SIZE-1:0]                      width,
    input  wire [SIZE-1:0]                      height,
    input  wire                                 s_valid,
    output wire                                 s_ready,
    input  wire [CHANNELS*BITS-1:0]             s_data,
    output wire                                 m_valid,
    input  wire                                 m_ready,
    output wire [BLOCK*BLOCK*CHANNELS*BITS-1:0] m_data
);
    localparam WORD = CHANNELS * BITS;
    wire window_valid, ready, unused_valid;
    wire [WORD-1:0] unused;
    wire [BLOCK*BLOCK*WORD-1:0] window, made;
    hwrts_window #(
        .WORD(WORD), .ROWS(BLOCK), .COLUMNS(BLOCK), .BELOW(BLOCK - 1), .RIGHT(BLOCK - 1), .PAST_ROWS(0),
        .PAST_COLUMNS(0), .STRIDE(BLOCK), .EDGE(0), .TAPPED(0), .WIDEST(WIDEST), .SIZE(SIZE)
    ) around (
        .clk(clk), .reset(reset), .width(width), .height(height),
        .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data),
        .tap_valid(unused_valid), .tap_ready(1'b1), .tap_data(unused),
        .m_valid(window_valid), .m_ready(ready), .m_data(window)
    );
    genvar c, k;
    generate
        for (c = 0; c < CHANNELS; c = c + 1) begin : channel
            for (k = 0; k < BLOCK * BLOCK; k = k + 1) begin : pixel
                assign made[(c*BLOCK*BLOCK + k)*BITS +: BITS] = window[k*WORD + c*BITS +: BITS];
            end
        end
    endgenerate
    hwrts_register #(.WIDTH(BLOCK*BLOCK*WORD)) result (
        .clk(clk), .reset(reset), .s_valid(window_valid), .s_ready(ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );
endmodule
