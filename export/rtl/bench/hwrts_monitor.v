// Compares the words of a stream with those of a file, one by one: +vectors=FOLDER, layer_NUMBER.mem in it.
module hwrts_monitor #(
    parameter WIDTH = 8,
    parameter WORDS = 64,        // the most that a file has
    parameter NUMBER = 0
) (
    input  wire             clk,
    input  wire             reset,
    input  wire             moved,
    input  wire [WIDTH-1:0] data,
    output reg  [31:0]      seen,
    output reg  [31:0]      wrong
);
    reg [WIDTH-1:0] expected [0:WORDS-1];
    reg [8191:0] folder, file;
    integer width, height, frames;
    initial begin
        if (!$value$plusargs("vectors=%s", folder)) folder = ".";
        $sformat(file, "%0s/layer_%0d.mem", folder, NUMBER);
        if (!$value$plusargs("width=%d", width)) width = 1;
        if (!$value$plusargs("height=%d", height)) height = 1;
        if (!$value$plusargs("frames=%d", frames)) frames = 1;
        $readmemh(file, expected, 0, width * height * frames - 1);
    end
    always @(posedge clk)
        if (reset) begin
            seen <= 0;
            wrong <= 0;
        end else if (moved) begin
            seen <= seen + 1;
            if (seen >= WORDS || data !== expected[seen]) begin
                wrong <= wrong + 1;
                if (wrong == 0)
                    $display("layer %0d: word %0d is %h, expected %h", NUMBER, seen, data,
                             seen < WORDS ? expected[seen] : {WIDTH{1'bx}});
            end
        end
endmodule
