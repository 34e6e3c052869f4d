// Compares a stream with the vectors of its tensor, PREFIX.NAME.mem, one word a pixel: +vectors=PREFIX.
// What came is written in the same form at the end: +out=PREFIX.
module hwrts_monitor #(
    parameter PIXEL = 8,         // bits of a pixel of the tensor
    parameter GROW = 1,          // a word of the stream is a square of so many rows and columns
    parameter WORDS = 64,        // of the stream, at most
    parameter NUMBER = 0,
    parameter NAME = "t1",
    parameter KEEP = 1,          // 0: somebody else writes what came of this tensor
    parameter TIMES = 1,         // words of the stream are so many times, and one in so many PARTS, as pixels of
    parameter PARTS = 1,         // the input, along rows and along columns
    parameter LACK_ROWS = 0,     // and so many fewer
    parameter LACK_COLUMNS = 0
) (
    input  wire                       clk,
    input  wire                       reset,
    input  wire                       moved,
    input  wire [GROW*GROW*PIXEL-1:0] data,
    input  wire                       done,
    output wire [31:0]                total,
    output reg  [31:0]                seen,
    output reg  [31:0]                wrong
);
    localparam PIXELS = WORDS * GROW * GROW;
    reg [PIXEL-1:0] expected [0:PIXELS-1];
    reg [PIXEL-1:0] came [0:PIXELS-1];
    reg [GROW*GROW*PIXEL-1:0] word;
    reg [8191:0] prefix, file;
    reg kept;
    integer width, height, frames, k;
    reg [31:0] x, at, row;       // of the word: its column, its first pixel, the first pixel of its rows
    wire [31:0] rows = height * TIMES / PARTS - LACK_ROWS;
    wire [31:0] columns = width * TIMES / PARTS - LACK_COLUMNS;
    wire [31:0] stride = columns * GROW;
    wire last = x == columns - 1;
    assign total = rows * columns * frames;
    initial begin
        if (!$value$plusargs("vectors=%s", prefix)) prefix = ".";
        $sformat(file, "%0s.%0s.mem", prefix, NAME);
        if (!$value$plusargs("width=%d", width)) width = 1;
        if (!$value$plusargs("height=%d", height)) height = 1;
        if (!$value$plusargs("frames=%d", frames)) frames = 1;
        $readmemh(file, expected, 0, (height * TIMES / PARTS - LACK_ROWS)
            * (width * TIMES / PARTS - LACK_COLUMNS) * frames * GROW * GROW - 1);
        kept = KEEP != 0 && $value$plusargs("out=%s", prefix);
        $sformat(file, "%0s.%0s.mem", prefix, NAME);
    end
    always @(posedge clk)
        if (reset) begin
            seen <= 0;
            wrong <= 0;
            x <= 0;
            at <= 0;
            row <= 0;
        end else if (moved) begin
            seen <= seen + 1;
            x <= last ? 0 : x + 1;
            at <= last ? row + GROW * stride : at + GROW;
            if (last) row <= row + GROW * stride;
            for (k = 0; k < GROW * GROW; k = k + 1)
                word[k*PIXEL +: PIXEL] = expected[at + (k / GROW) * stride + k % GROW];
            if (seen >= WORDS || data !== word) begin
                wrong <= wrong + 1;
                if (wrong == 0)
                    $display("layer %0d, %0s: word %0d is %h, expected %h", NUMBER, NAME, seen, data, word);
            end
            if (kept && seen < WORDS)
                for (k = 0; k < GROW * GROW; k = k + 1)
                    came[at + (k / GROW) * stride + k % GROW] = data[k*PIXEL +: PIXEL];
        end else if (done && kept && (GROW == 1 ? at : row) != 0)
            $writememh(file, came, 0, (GROW == 1 ? at : row) - 1);
endmodule
