// A convolution: window, taps, weighted sums. Codes that are seen in the middle of the window can be tapped
// (hwrts_window.v).
module hwrts_conv #(
    parameter CHANNELS = 3,      // of the source
    parameter KERNEL_ROWS = 3,
    parameter KERNEL_COLUMNS = 3,
    parameter DILATION = 1,
    parameter FIRST_ROW = 0,     // of the window that the kernel sees
    parameter FIRST_COLUMN = 0,
    parameter ROWS = 3,          // of the window: those of the kernel, or more
    parameter COLUMNS = 3,
    parameter BELOW = 1,         // rows below the pixel
    parameter RIGHT = 1,         // columns to its right
    parameter PAST_ROWS = 1,     // rows below the frame that are looked at
    parameter PAST_COLUMNS = 1,
    parameter STRIDE = 1,
    parameter EDGE = 0,
    parameter TAPPED = 0,
    parameter SLOW = 0,
    parameter WIDEST = 64,
    parameter SIZE = 16,
    parameter OUTPUTS = 8,
    parameter GROUPS = 1,
    parameter PE = 1,
    parameter SIMD = 9,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter WEIGHT_BITS = 8,
    parameter ACC = 24,
    parameter SHIFT_LOW = 8,
    parameter SHIFT_HIGH = 8,
    parameter SHIFT_BITS = 1,
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0,
    parameter LOADABLE = 0,
    parameter ADDRESS = 1,
    parameter WEIGHTS = "none.mem",
    parameter BIASES = "none.mem"
) (
    input  wire                        clk,
    input  wire                        reset,
    input  wire [SIZE-1:0]             width,
    input  wire [SIZE-1:0]             height,
    input  wire                        s_valid,
    output wire                        s_ready,
    input  wire [CHANNELS*IN_BITS-1:0] s_data,
    output wire                        tap_valid,
    input  wire                        tap_ready,  // must not depend on tap_valid
    output wire [CHANNELS*IN_BITS-1:0] tap_data,
    output wire                        m_valid,
    input  wire                        m_ready,
    output wire [OUTPUTS*OUT_BITS-1:0] m_data,
    input  wire                        load_weights,
    input  wire                        load_biases,
    input  wire [ADDRESS-1:0]          load_address,
    input  wire [PE*SIMD*WEIGHT_BITS+PE*(ACC+SHIFT_BITS)-1:0] load_data
);
    localparam WORD = CHANNELS * IN_BITS;
    localparam OF_GROUP = CHANNELS / GROUPS;
    localparam INPUTS = KERNEL_ROWS * KERNEL_COLUMNS * OF_GROUP;

    wire window_valid, mac_ready;
    wire [ROWS*COLUMNS*WORD-1:0] window;
    hwrts_window #(
        .WORD(WORD), .ROWS(ROWS), .COLUMNS(COLUMNS), .BELOW(BELOW), .RIGHT(RIGHT), .PAST_ROWS(PAST_ROWS),
        .PAST_COLUMNS(PAST_COLUMNS), .STRIDE(STRIDE), .EDGE(EDGE), .SLOW(SLOW), .TAPPED(TAPPED),
        .WIDEST(WIDEST), .SIZE(SIZE)
    ) around (
        .clk(clk), .reset(reset), .width(width), .height(height),
        .s_valid(s_valid), .s_ready(s_ready), .s_data(s_data),
        .tap_valid(tap_valid), .tap_ready(tap_ready), .tap_data(tap_data),
        .m_valid(window_valid), .m_ready(mac_ready), .m_data(window)
    );

    // The inputs of a sum: group by group, row by row, column by column, channel by channel.
    wire [GROUPS*INPUTS*IN_BITS-1:0] taps;
    genvar g, ky, kx;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : group
            for (ky = 0; ky < KERNEL_ROWS; ky = ky + 1) begin : row
                for (kx = 0; kx < KERNEL_COLUMNS; kx = kx + 1) begin : tap
                    assign taps[(g*INPUTS + (ky*KERNEL_COLUMNS + kx)*OF_GROUP)*IN_BITS +: OF_GROUP*IN_BITS] =
                        window[((FIRST_ROW + ky*DILATION)*COLUMNS + FIRST_COLUMN + kx*DILATION)*WORD
                            + g*OF_GROUP*IN_BITS +: OF_GROUP*IN_BITS];
                end
            end
        end
    endgenerate

    hwrts_mac #(
        .INPUTS(INPUTS), .OUTPUTS(OUTPUTS), .GROUPS(GROUPS), .PE(PE), .SIMD(SIMD), .IN_BITS(IN_BITS),
        .IN_SIGNED(IN_SIGNED), .WEIGHT_BITS(WEIGHT_BITS), .ACC(ACC), .SHIFT_LOW(SHIFT_LOW),
        .SHIFT_HIGH(SHIFT_HIGH), .SHIFT_BITS(SHIFT_BITS), .ROUNDING(ROUNDING), .OUT_BITS(OUT_BITS),
        .OUT_SIGNED(OUT_SIGNED), .LOADABLE(LOADABLE), .ADDRESS(ADDRESS), .WEIGHTS(WEIGHTS), .BIASES(BIASES)
    ) mac (
        .clk(clk), .reset(reset), .s_valid(window_valid), .s_ready(mac_ready), .s_data(taps),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data), .load_weights(load_weights),
        .load_biases(load_biases), .load_address(load_address), .load_data(load_data)
    );
endmodule
