// A table of one entry for each code, that of the smallest code first; a memory for each lane.
module hwrts_lookup #(
    parameter LANES = 3,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter OUT_BITS = 8,
    parameter TABLE = "none.mem"
) (
    input  wire                      clk,
    input  wire                      reset,
    input  wire                      s_valid,
    output wire                      s_ready,
    input  wire [LANES*IN_BITS-1:0]  s_data,
    output reg                       m_valid,
    input  wire                      m_ready,
    output wire [LANES*OUT_BITS-1:0] m_data
);
    assign s_ready = !m_valid || m_ready;
    always @(posedge clk)
        if (reset) m_valid <= 1'b0;
        else if (s_ready) m_valid <= s_valid;

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            wire [IN_BITS-1:0] x = s_data[n*IN_BITS +: IN_BITS];
            wire [IN_BITS-1:0] place = IN_SIGNED != 0 ? {!x[IN_BITS-1], x[IN_BITS-2:0]} : x;
            hwrts_rom #(
                .WIDTH(OUT_BITS), .DEPTH(1 << IN_BITS), .ADDRESS(IN_BITS), .LOADABLE(0), .FILE(TABLE)
            ) entries (
                .clk(clk), .enable(s_ready), .address(place), .data(m_data[n*OUT_BITS +: OUT_BITS]),
                .load(1'b0), .load_address({IN_BITS{1'b0}}), .load_data({OUT_BITS{1'b0}})
            );
        end
    endgenerate
endmodule
