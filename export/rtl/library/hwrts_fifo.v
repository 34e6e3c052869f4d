// A queue of words. The first one stands in a register behind the memory, so that it is there to be seen.
// s_ready and m_valid come from registers: no path leads from one side to the other.
module hwrts_fifo #(
    parameter WIDTH = 8,   // bits of a word
    parameter DEPTH = 2    // words of the memory, 2 or more; one more is in the register
) (
    input  wire             clk,
    input  wire             reset,
    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,
    output reg              m_valid,
    input  wire             m_ready,
    output reg  [WIDTH-1:0] m_data
);
    localparam ADDRESS = $clog2(DEPTH);
    localparam COUNT = $clog2(DEPTH + 1);
    localparam [ADDRESS-1:0] LAST = DEPTH - 1;
    localparam [COUNT-1:0] FULL = DEPTH;

    reg [WIDTH-1:0] memory [0:DEPTH-1];
    reg [ADDRESS-1:0] write_at, read_at;
    reg [COUNT-1:0] count;

    assign s_ready = count != FULL;
    wire write = s_valid && s_ready;
    wire read = count != 0 && (!m_valid || m_ready);

    always @(posedge clk) begin
        if (write) memory[write_at] <= s_data;
        if (read) m_data <= memory[read_at];
    end

    always @(posedge clk)
        if (reset) begin
            write_at <= 0;
            read_at <= 0;
            count <= 0;
            m_valid <= 1'b0;
        end else begin
            if (write) write_at <= write_at == LAST ? {ADDRESS{1'b0}} : write_at + 1'b1;
            if (read) read_at <= read_at == LAST ? {ADDRESS{1'b0}} : read_at + 1'b1;
            if (write && !read) count <= count + 1'b1;
            if (read && !write) count <= count - 1'b1;
            if (read) m_valid <= 1'b1;
            else if (m_ready) m_valid <= 1'b0;
        end
endmodule
