// The codes of several streams in one word, each aligned and requantised once.
//
// Operands stand behind one another in the ports, the first in the low bits. AT, BITS, SIGNED and LEFT say of
// each lane of the result where its code begins in s_data, and what it is.
module hwrts_concat #(
    parameter OPERANDS = 2,
    parameter WORDS = 48,        // bits of all operands
    parameter LANES = 6,
    parameter [LANES*32-1:0] AT = 0,
    parameter [LANES*8-1:0] BITS = 0,
    parameter [LANES-1:0] SIGNED = 0,
    parameter [LANES*8-1:0] LEFT = 0,  // bits that align it
    parameter ACC = 10,
    parameter SHIFT = 0,         // bits that are dropped; below zero they are added
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0
) (
    input  wire                      clk,
    input  wire                      reset,
    input  wire [OPERANDS-1:0]       s_valid,
    output wire [OPERANDS-1:0]       s_ready,
    input  wire [WORDS-1:0]          s_data,
    output wire                      m_valid,
    input  wire                      m_ready,
    output wire [LANES*OUT_BITS-1:0] m_data
);
    wire ready;
    wire all_valid = &s_valid;
    assign s_ready = {OPERANDS{ready && all_valid}};
    wire [LANES*OUT_BITS-1:0] made;
    hwrts_register #(.WIDTH(LANES*OUT_BITS)) result (
        .clk(clk), .reset(reset), .s_valid(all_valid), .s_ready(ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            localparam FIRST = AT[n*32 +: 32];
            localparam IN_BITS = BITS[n*8 +: 8];
            localparam UP = LEFT[n*8 +: 8];
            wire [IN_BITS-1:0] x = s_data[FIRST +: IN_BITS];
            wire signed [ACC+IN_BITS-1:0] wide = {{ACC{SIGNED[n] && x[IN_BITS-1]}}, x};
            wire signed [ACC-1:0] acc = wide <<< UP;
            hwrts_requantise #(
                .ACC(ACC), .SHIFT_LOW(SHIFT), .SHIFT_HIGH(SHIFT), .SHIFT_BITS(1), .ROUNDING(ROUNDING),
                .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
            ) requantise (.acc(acc), .shift(1'b0), .code(made[n*OUT_BITS +: OUT_BITS]));
        end
    endgenerate
endmodule
