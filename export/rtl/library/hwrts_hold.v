// One word for all pixels of a frame: each waits for it, and it is taken anew with the last of them.
module hwrts_hold #(
    parameter WIDTH = 24,        // bits of a word
    parameter TIMES = 1,         // it stands so many times in the word that is given
    parameter SIZE = 16
) (
    input  wire                   clk,
    input  wire                   reset,
    input  wire [SIZE-1:0]        width,
    input  wire [SIZE-1:0]        height,
    input  wire                   s_valid,
    output wire                   s_ready,
    input  wire [WIDTH-1:0]       s_data,
    output reg                    m_valid,
    input  wire                   m_ready,
    output wire [TIMES*WIDTH-1:0] m_data
);
    reg [SIZE-1:0] x, y;
    reg [WIDTH-1:0] held;
    wire last_x = x == width - 1'b1;
    wire last = last_x && y == height - 1'b1;
    wire moved = m_valid && m_ready;
    assign s_ready = !m_valid || (moved && last);
    assign m_data = {TIMES{held}};
    always @(posedge clk) if (s_ready) held <= s_data;
    always @(posedge clk)
        if (reset) begin
            x <= 0;
            y <= 0;
            m_valid <= 1'b0;
        end else begin
            if (s_ready) m_valid <= s_valid;
            if (moved) begin
                x <= last_x ? {SIZE{1'b0}} : x + 1'b1;
                if (last_x) y <= last ? {SIZE{1'b0}} : y + 1'b1;
            end
        end
endmodule
