// The door: a frame begins with the pixel that says so, and has height x width pixels.
//
// What comes between two frames is dropped. A pixel that says in the middle of a frame that one begins is
// taken as it is, and error stays high until reset: rows or pixels were lost.
module hwrts_frame_in #(
    parameter WIDTH = 24,        // bits of a pixel
    parameter SIZE = 16
) (
    input  wire             clk,
    input  wire             reset,
    input  wire [SIZE-1:0]  width,
    input  wire [SIZE-1:0]  height,
    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,
    input  wire             s_start,
    output wire             m_valid,
    input  wire             m_ready,
    output wire [WIDTH-1:0] m_data,
    output reg              error
);
    reg [SIZE-1:0] x, y;
    wire first = x == 0 && y == 0;
    wire dropped = first && !s_start;
    assign m_valid = s_valid && !dropped;
    assign m_data = s_data;
    assign s_ready = m_ready || dropped;
    wire last_x = x == width - 1'b1;
    wire last_y = y == height - 1'b1;
    always @(posedge clk)
        if (reset) begin
            x <= 0;
            y <= 0;
            error <= 1'b0;
        end else if (m_valid && m_ready) begin
            x <= last_x ? {SIZE{1'b0}} : x + 1'b1;
            if (last_x) y <= last_y ? {SIZE{1'b0}} : y + 1'b1;
            if (s_start && !first) error <= 1'b1;
        end
endmodule
