// One stage of a pipeline: a word that waits until it is taken, and makes those before it wait.
module hwrts_register #(
    parameter WIDTH = 8          // bits of a word
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
    assign s_ready = !m_valid || m_ready;
    always @(posedge clk)
        if (reset) m_valid <= 1'b0;
        else if (s_ready) m_valid <= s_valid;
    always @(posedge clk) if (s_ready) m_data <= s_data;
endmodule
