// Codes that are kept between two codes of their format.
module hwrts_clip #(
    parameter LANES = 3,
    parameter BITS = 8,
    parameter SIGNED = 0,
    parameter LOW = 0,
    parameter HIGH = 255
) (
    input  wire                  clk,
    input  wire                  reset,
    input  wire                  s_valid,
    output wire                  s_ready,
    input  wire [LANES*BITS-1:0] s_data,
    output wire                  m_valid,
    input  wire                  m_ready,
    output wire [LANES*BITS-1:0] m_data
);
    localparam signed [BITS:0] LEAST = LOW;
    localparam signed [BITS:0] MOST = HIGH;
    wire [LANES*BITS-1:0] made;
    hwrts_register #(.WIDTH(LANES*BITS)) result (
        .clk(clk), .reset(reset), .s_valid(s_valid), .s_ready(s_ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );

    genvar n;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            wire [BITS-1:0] x = s_data[n*BITS +: BITS];
            wire signed [BITS:0] number = {SIGNED != 0 ? x[BITS-1] : 1'b0, x};
            assign made[n*BITS +: BITS] =
                number < LEAST ? LEAST[BITS-1:0] : number > MOST ? MOST[BITS-1:0] : x;
        end
    endgenerate
endmodule
