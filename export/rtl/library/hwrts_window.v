// The window of ROWS x COLUMNS pixels around each pixel of a frame, or every STRIDE-th, in raster order.
//
// Rows above the current one are in one memory, a word of ROWS-1 pixels for each column. A frame is scanned
// PAST_* rows and columns beyond its lower and right edge, where no pixel is taken: those are the clocks in
// which it is blanked. What lies outside is 0, or by EDGE the nearest pixel inside (1), or the one as far
// inside (2): rows above the first and columns left of it are put in their places when those that they repeat
// have come. With TAPPED the pixel itself, in the middle of its window, goes to others too: tap_valid says
// that one does.
module hwrts_window #(
    parameter WORD = 8,        // bits of a pixel, all its channels
    parameter ROWS = 3,
    parameter COLUMNS = 3,
    parameter BELOW = 1,       // rows below the pixel
    parameter RIGHT = 1,       // columns to its right
    parameter PAST_ROWS = 1,   // rows below the frame that are looked at
    parameter PAST_COLUMNS = 1,
    parameter STRIDE = 1,
    parameter EDGE = 0,        // 0 zeros, 1 replicated, 2 reflected
    parameter SLOW = 0,        // a pixel has two clocks or more: the first of a row is repeated in some of its own
    parameter TAPPED = 0,
    parameter WIDEST = 64,     // columns of the largest frame, 2 or more
    parameter SIZE = 16        // bits of the frame's sizes
) (
    input  wire                         clk,
    input  wire                         reset,
    input  wire [SIZE-1:0]              width,
    input  wire [SIZE-1:0]              height,
    input  wire                         s_valid,
    output wire                         s_ready,
    input  wire [WORD-1:0]              s_data,
    output wire                         tap_valid,
    input  wire                         tap_ready,   // must not depend on tap_valid
    output wire [WORD-1:0]              tap_data,
    output wire                         m_valid,
    input  wire                         m_ready,     // must not depend on m_valid
    output wire [ROWS*COLUMNS*WORD-1:0] m_data   // row by row, the pixel of row 0, column 0 in the low bits
);
    // One column more than is seen where there is a memory: so it is never read in the clock of its writing.
    localparam FLUSH = PAST_COLUMNS > 0 || ROWS == 1 ? PAST_COLUMNS : 1;
    localparam ADDRESS = $clog2(WIDEST);
    localparam COUNT = $clog2(WIDEST + FLUSH + 1);  // bits of a column, those beyond the frame too
    localparam ABOVE = ROWS - 1 - BELOW;
    localparam LEFT = COLUMNS - 1 - RIGHT;
    // Where the first column is repeated clock by clock, codes in the window move by one column and no other way.
    localparam FILLS = EDGE == 1 && SLOW != 0 && LEFT > 0 && RIGHT > 0;

    reg [COUNT-1:0] x;
    reg [SIZE:0] y;
    reg [4:0] phase_x, phase_y;  // of the pixel, within a stride
    reg there;
    reg [4:0] left_to_fill;      // how many times the first column is still to be repeated
    wire filling = FILLS && left_to_fill != 0;
    wire move = step && !filling;
    wire [COUNT-1:0] columns = width[COUNT-1:0];
    wire [SIZE:0] rows = {1'b0, height};
    wire in_row = x < columns;
    wire in_frame = y < rows;
    wire needed = in_row && in_frame && !filling;
    wire free = TAPPED == 0 || tap_ready;
    wire go = !there || (m_ready && free);
    wire step = go && (s_valid || !needed);
    wire last_x = x == columns + FLUSH - 1;
    wire last_y = y == rows + PAST_ROWS - 1;
    wire [COUNT-1:0] next_x = last_x ? {COUNT{1'b0}} : x + 1'b1;
    assign s_ready = go && needed;
    assign m_valid = there && free;
    assign tap_valid = TAPPED != 0 && there && m_ready;

    always @(posedge clk)
        if (reset) begin
            x <= 0;
            y <= 0;
            there <= 1'b0;
            left_to_fill <= 0;
        end else if (step) begin
            if (!filling) x <= next_x;
            if (!filling && last_x) y <= last_y ? {(SIZE+1){1'b0}} : y + 1'b1;
            left_to_fill <= filling ? left_to_fill - 1'b1 : x == 0 ? LEFT : 5'd0;
            there <= !filling && y >= BELOW && x >= RIGHT && x < columns + PAST_COLUMNS && phase_x == 0 && phase_y == 0;
        end else if (go) there <= 1'b0;

    generate
        if (STRIDE == 1) begin : every_pixel
            always @(posedge clk) begin
                phase_x <= 0;
                phase_y <= 0;
            end
        end else begin : some_pixels
            always @(posedge clk)
                if (reset) begin
                    phase_x <= 0;
                    phase_y <= 0;
                end else if (move) begin
                    if (last_x) phase_x <= 0;
                    else if (x >= RIGHT) phase_x <= phase_x == STRIDE - 1 ? 5'd0 : phase_x + 1'b1;
                    if (last_x && last_y) phase_y <= 0;
                    else if (last_x && y >= BELOW) phase_y <= phase_y == STRIDE - 1 ? 5'd0 : phase_y + 1'b1;
                end
        end
    endgenerate

    wire [ROWS*WORD-1:0] column;  // of the picture, the oldest row in the low bits
    genvar n;
    generate
        if (ROWS == 1) begin : no_lines
            assign column = s_data;
        end else begin : lines
            reg [(ROWS-1)*WORD-1:0] memory [0:WIDEST-1];
            reg [(ROWS-1)*WORD-1:0] older;
            wire [WORD-1:0] below;
            wire [WORD-1:0] newest = in_frame ? s_data : below;
            wire [ROWS*WORD-1:0] arrived = {newest, older};
            always @(posedge clk) begin
                if (move && in_row) memory[x[ADDRESS-1:0]] <= column[ROWS*WORD-1:WORD];
                if (move) older <= memory[next_x[ADDRESS-1:0]];
            end
            if (EDGE == 2) begin : reflected
                // Row n below the last is row n above it, which came 2*n rows ago.
                wire [SIZE:0] past = y - rows;
                wire [(PAST_ROWS+1)*WORD-1:0] choice;
                assign below = choice[0 +: WORD];
                assign choice[PAST_ROWS*WORD +: WORD] = older[0 +: WORD];
                for (n = 0; n < PAST_ROWS; n = n + 1) begin : beyond
                    localparam FROM = ROWS - 3 - 2 * n > 0 ? ROWS - 3 - 2 * n : 0;
                    assign choice[n*WORD +: WORD] =
                        past == n ? older[FROM*WORD +: WORD] : choice[(n+1)*WORD +: WORD];
                end
                for (n = 0; n < ROWS; n = n + 1) begin : row
                    localparam FROM = n < ABOVE && 2 * ABOVE - n < ROWS ? 2 * ABOVE - n : n;
                    assign column[n*WORD +: WORD] =
                        y == BELOW ? arrived[FROM*WORD +: WORD] : arrived[n*WORD +: WORD];
                end
            end else begin : repeated
                wire [WORD-1:0] above = EDGE != 0 ? newest : {WORD{1'b0}};
                assign below = EDGE != 0 ? older[(ROWS-2)*WORD +: WORD] : {WORD{1'b0}};
                assign column = {newest, y == 0 ? {(ROWS-1){above}} : older};
            end
        end
    endgenerate

    reg [COLUMNS*ROWS*WORD-1:0] seen;  // column by column, the oldest in the low bits
    wire [ROWS*WORD-1:0] beside;
    wire [ROWS*WORD-1:0] entering = in_row && !filling ? column : beside;
    generate
        if (EDGE == 2) begin : reflected_beside
            wire [COUNT-1:0] past = x - columns;
            wire [(PAST_COLUMNS+1)*ROWS*WORD-1:0] choice;
            assign beside = choice[0 +: ROWS*WORD];
            assign choice[PAST_COLUMNS*ROWS*WORD +: ROWS*WORD] = seen[0 +: ROWS*WORD];
            for (n = 0; n < PAST_COLUMNS; n = n + 1) begin : beyond
                localparam FROM = COLUMNS - 2 - 2 * n > 0 ? COLUMNS - 2 - 2 * n : 0;
                assign choice[n*ROWS*WORD +: ROWS*WORD] =
                    past == n ? seen[FROM*ROWS*WORD +: ROWS*WORD] : choice[(n+1)*ROWS*WORD +: ROWS*WORD];
            end
        end else begin : repeated_beside
            assign beside = EDGE != 0 ? seen[(COLUMNS-1)*ROWS*WORD +: ROWS*WORD] : {(ROWS*WORD){1'b0}};
        end
        if (COLUMNS == 1) begin : one_column
            always @(posedge clk) if (step) seen <= entering;
        end else if (EDGE == 2) begin : reflected_columns
            wire [COLUMNS*ROWS*WORD-1:0] arrived = {entering, seen[COLUMNS*ROWS*WORD-1:ROWS*WORD]};
            for (n = 0; n < COLUMNS; n = n + 1) begin : column_of
                localparam FROM = n < LEFT && 2 * LEFT - n < COLUMNS ? 2 * LEFT - n : n;
                always @(posedge clk)
                    if (step)
                        seen[n*ROWS*WORD +: ROWS*WORD] <=
                            x == RIGHT ? arrived[FROM*ROWS*WORD +: ROWS*WORD] : arrived[n*ROWS*WORD +: ROWS*WORD];
            end
        end else if (FILLS) begin : filled_columns
            always @(posedge clk) if (step) seen <= {entering, seen[COLUMNS*ROWS*WORD-1:ROWS*WORD]};
        end else begin : many_columns
            wire [ROWS*WORD-1:0] left = EDGE != 0 ? column : {(ROWS*WORD){1'b0}};
            always @(posedge clk)
                if (step)
                    seen <= x == 0 ? {column, {(COLUMNS-1){left}}}
                                   : {entering, seen[COLUMNS*ROWS*WORD-1:ROWS*WORD]};
        end
    endgenerate

    genvar ky, kx;
    generate
        for (ky = 0; ky < ROWS; ky = ky + 1) begin : turned_row
            for (kx = 0; kx < COLUMNS; kx = kx + 1) begin : turned_column
                assign m_data[(ky*COLUMNS + kx)*WORD +: WORD] = seen[(kx*ROWS + ky)*WORD +: WORD];
            end
        end
    endgenerate
    assign tap_data = m_data[(ABOVE*COLUMNS + LEFT)*WORD +: WORD];
endmodule
