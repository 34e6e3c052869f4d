// One stream to several readers: a word moves on when all of them take it in the same clock.
// Their readiness must not depend on being offered a word, as that of a queue does not.
module hwrts_fork #(
    parameter READERS = 2
) (
    input  wire               s_valid,
    output wire               s_ready,
    output wire [READERS-1:0] m_valid,
    input  wire [READERS-1:0] m_ready
);
    assign s_ready = &m_ready;
    assign m_valid = {READERS{s_valid && s_ready}};
endmodule
