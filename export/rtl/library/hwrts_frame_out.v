// The way out: blocks of GROW x GROW pixels become pixels in raster order, with the first one of a frame, the
// last one of a row and the last one of a frame marked. The rows of a block below its first wait in a memory.
module hwrts_frame_out #(
    parameter WORD = 24,         // bits of a pixel
    parameter GROW = 1,
    parameter WIDEST = 64,       // columns of the largest frame of blocks
    parameter SIZE = 16
) (
    input  wire                      clk,
    input  wire                      reset,
    input  wire [SIZE-1:0]           width,   // of a frame of blocks
    input  wire [SIZE-1:0]           height,
    input  wire                      s_valid,
    output wire                      s_ready,
    input  wire [GROW*GROW*WORD-1:0] s_data,  // row by row, the first pixel in the low bits
    output reg                       m_valid,
    input  wire                      m_ready,
    output reg  [WORD-1:0]           m_data,
    output reg                       m_start,
    output reg                       m_end_of_row,
    output reg                       m_end
);
    localparam ADDRESS = $clog2(WIDEST);
    localparam ROW = GROW * WORD;

    reg [ADDRESS-1:0] x;
    reg [SIZE-1:0] y;
    reg [4:0] across, down;      // of the block
    reg fetching;
    wire [SIZE-1:0] before_width = width - 1'b1;
    wire [ADDRESS-1:0] last_column = before_width[ADDRESS-1:0];
    wire last_across = across == GROW - 1;
    wire last_x = last_across && x == last_column;
    wire last_down = down == GROW - 1;
    wire last_y = last_down && y == height - 1'b1;
    wire first_row = down == 0;
    wire enable = !m_valid || m_ready;
    wire step = enable && (first_row ? s_valid : !fetching);
    wire [ADDRESS-1:0] next_x = last_x ? {ADDRESS{1'b0}} : last_across ? x + 1'b1 : x;
    assign s_ready = enable && first_row && last_across;

    wire [WORD-1:0] pixel;       // the one to be given
    generate
        if (GROW == 1) begin : as_it_is
            assign pixel = s_data;
        end else begin : blocks
            reg [(GROW-1)*ROW-1:0] memory [0:WIDEST-1];
            reg [(GROW-1)*ROW-1:0] kept;
            wire [GROW*ROW-1:0] all_rows = first_row ? s_data : {kept, {ROW{1'b0}}};
            wire [ROW-1:0] row;
            hwrts_select #(.WORDS(GROW), .WIDTH(ROW), .INDEX(5)) rows (
                .words(all_rows), .index(down), .word(row)
            );
            hwrts_select #(.WORDS(GROW), .WIDTH(WORD), .INDEX(5)) pixels (
                .words(row), .index(across), .word(pixel)
            );
            always @(posedge clk) begin
                if (s_valid && s_ready) memory[x] <= s_data[GROW*ROW-1:ROW];
                if (step || fetching) kept <= memory[fetching ? x : next_x];
            end
        end
    endgenerate

    always @(posedge clk)
        if (reset) begin
            x <= 0;
            y <= 0;
            across <= 0;
            down <= 0;
            fetching <= 1'b0;
            m_valid <= 1'b0;
        end else begin
            fetching <= step && last_x && !last_down;  // the first block of the next row was written just now
            if (step) begin
                m_valid <= 1'b1;
                across <= last_across ? 5'd0 : across + 1'b1;
                x <= next_x;
                if (last_x) begin
                    down <= last_down ? 5'd0 : down + 1'b1;
                    if (last_down) y <= last_y ? {SIZE{1'b0}} : y + 1'b1;
                end
            end else if (m_ready) m_valid <= 1'b0;
        end
    always @(posedge clk)
        if (step) begin
            m_data <= pixel;
            m_start <= x == 0 && y == 0 && across == 0 && down == 0;
            m_end_of_row <= last_x;
            m_end <= last_x && last_y;
        end
endmodule
