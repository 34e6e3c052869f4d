// The largest code of the channels of each pixel.
module hwrts_maximum #(
    parameter PIXELS = 1,        // of a word
    parameter CHANNELS = 3,
    parameter BITS = 8,
    parameter SIGNED = 0
) (
    input  wire                            clk,
    input  wire                            reset,
    input  wire                            s_valid,
    output wire                            s_ready,
    input  wire [PIXELS*CHANNELS*BITS-1:0] s_data,
    output wire                            m_valid,
    input  wire                            m_ready,
    output wire [PIXELS*BITS-1:0]          m_data
);
    wire [PIXELS*BITS-1:0] made;
    hwrts_register #(.WIDTH(PIXELS*BITS)) result (
        .clk(clk), .reset(reset), .s_valid(s_valid), .s_ready(s_ready), .s_data(made),
        .m_valid(m_valid), .m_ready(m_ready), .m_data(m_data)
    );

    genvar n;
    generate
        for (n = 0; n < PIXELS; n = n + 1) begin : pixel
            hwrts_largest #(.WORDS(CHANNELS), .LANES(1), .BITS(BITS), .SIGNED(SIGNED)) tree (
                .words(s_data[n*CHANNELS*BITS +: CHANNELS*BITS]), .largest(made[n*BITS +: BITS])
            );
        end
    endgenerate
endmodule
