// A queue of DEPTH + 1 words. Of a long one the first stands in a register behind the memory, which may then be
// read a clock late; the memory of a short one shows it at once.
// s_ready and m_valid come from registers: no path leads from one side to the other.
module hwrts_fifo #(
    parameter WIDTH = 8,   // bits of a word
    parameter DEPTH = 2    // words beside the first, 2 or more
) (
    input  wire             clk,
    input  wire             reset,
    input  wire             s_valid,
    output wire             s_ready,
    input  wire [WIDTH-1:0] s_data,
    output wire             m_valid,
    input  wire             m_ready,
    output wire [WIDTH-1:0] m_data
);
    localparam SHORT = DEPTH < 16;           // as the memories of an FPGA's tables have 16 words
    localparam WORDS = SHORT ? DEPTH + 1 : DEPTH;
    localparam ADDRESS = $clog2(WORDS);
    localparam COUNT = $clog2(WORDS + 1);
    localparam [ADDRESS-1:0] LAST = WORDS - 1;
    localparam [COUNT-1:0] FULL = WORDS;

    reg [WIDTH-1:0] memory [0:WORDS-1];
    reg [ADDRESS-1:0] write_at, read_at;
    reg [COUNT-1:0] count;                   // in the memory

    assign s_ready = count != FULL;
    wire write = s_valid && s_ready;
    wire read;
    always @(posedge clk) if (write) memory[write_at] <= s_data;

    always @(posedge clk)
        if (reset) begin
            write_at <= 0;
            read_at <= 0;
            count <= 0;
        end else begin
            if (write) write_at <= write_at == LAST ? {ADDRESS{1'b0}} : write_at + 1'b1;
            if (read) read_at <= read_at == LAST ? {ADDRESS{1'b0}} : read_at + 1'b1;
            if (write && !read) count <= count + 1'b1;
            if (read && !write) count <= count - 1'b1;
        end

    generate
        if (SHORT) begin : shown
            assign m_valid = count != 0;
            assign m_data = memory[read_at];
            assign read = m_valid && m_ready;
        end else begin : fetched
            reg there;
            reg [WIDTH-1:0] first;
            assign m_valid = there;
            assign m_data = first;
            assign read = count != 0 && (!there || m_ready);
            always @(posedge clk) if (read) first <= memory[read_at];
            always @(posedge clk)
                if (reset) there <= 1'b0;
                else if (read) there <= 1'b1;
                else if (m_ready) there <= 1'b0;
        end
    endgenerate
endmodule
