// Of all words of a frame, or of each row, one: their mean, channel by channel, or the largest codes. That of a
// row is given as often as the row has words.
//
// The next words are taken while a mean is divided, a bit a clock, channel after channel, and rounded once: the
// exact sum by the exact count. ROUNDING is that of hwrts_requantise.v, of which double is half away here.
module hwrts_reduce #(
    parameter CHANNELS = 3,
    parameter MEAN = 1,          // 0: the largest codes
    parameter ROWS = 0,          // of each row; 0: of the frame
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter COUNT = 12,        // bits of how many words there may be
    parameter UP = 0,            // bits that the sum is shifted to the left before it is divided
    parameter DOWN = 0,          // or the count
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0,
    parameter WIDEST = 64,
    parameter SIZE = 16
) (
    input  wire                         clk,
    input  wire                         reset,
    input  wire [SIZE-1:0]              width,
    input  wire [SIZE-1:0]              height,
    input  wire                         s_valid,
    output wire                         s_ready,
    input  wire [CHANNELS*IN_BITS-1:0]  s_data,
    output reg                          m_valid,
    input  wire                         m_ready,
    output reg  [CHANNELS*OUT_BITS-1:0] m_data
);
    localparam SUM = MEAN != 0 ? IN_BITS + 1 + COUNT : IN_BITS + 1;

    // What comes in: the last word waits until the division before is over.
    reg [SIZE-1:0] x, y;
    reg [COUNT-1:0] count;       // of the words before this one
    reg [CHANNELS*SUM-1:0] sums;
    wire [CHANNELS*SUM-1:0] more;
    reg busy;
    wire last_x = x == width - 1'b1;
    wire last = last_x && (ROWS != 0 || y == height - 1'b1);
    wire first = count == 0;
    wire step = s_valid && s_ready;
    assign s_ready = !last || !busy;
    genvar c;
    generate
        for (c = 0; c < CHANNELS; c = c + 1) begin : channel
            wire [IN_BITS-1:0] code = s_data[c*IN_BITS +: IN_BITS];
            wire signed [SUM-1:0] number = {{(SUM-IN_BITS){IN_SIGNED != 0 && code[IN_BITS-1]}}, code};
            wire signed [SUM-1:0] older = sums[c*SUM +: SUM];
            assign more[c*SUM +: SUM] =
                first ? number : MEAN != 0 ? older + number : older > number ? older : number;
        end
    endgenerate
    always @(posedge clk) if (step) sums <= more;
    always @(posedge clk)
        if (reset) begin
            x <= 0;
            y <= 0;
            count <= 0;
        end else if (step) begin
            x <= last_x ? {SIZE{1'b0}} : x + 1'b1;
            if (last_x) y <= last ? {SIZE{1'b0}} : y + 1'b1;
            count <= last ? {COUNT{1'b0}} : count + 1'b1;
        end

    // What goes out.
    reg [SIZE-1:0] given;
    wire last_given = ROWS == 0 || given == width - 1'b1;
    wire moved = m_valid && m_ready;
    wire free = !m_valid || (moved && last_given);
    wire done;                   // the word is there
    wire [CHANNELS*OUT_BITS-1:0] result;
    always @(posedge clk) if (done && free) m_data <= result;
    always @(posedge clk)
        if (reset) begin
            m_valid <= 1'b0;
            given <= 0;
            busy <= 1'b0;
        end else begin
            if (free) m_valid <= done;
            if (moved) given <= last_given ? {SIZE{1'b0}} : given + 1'b1;
            if (step && last) busy <= 1'b1;
            else if (done && free) busy <= 1'b0;
        end

    generate
        if (MEAN == 0) begin : largest
            reg [CHANNELS*SUM-1:0] found;
            always @(posedge clk) if (step && last) found <= more;
            assign done = busy;
            for (c = 0; c < CHANNELS; c = c + 1) begin : code
                assign result[c*OUT_BITS +: OUT_BITS] = found[c*SUM +: OUT_BITS];
            end
        end else begin : mean
            localparam NUMERATOR = SUM + UP;
            localparam DENOMINATOR = COUNT + 1 + DOWN;
            localparam BITS = $clog2(NUMERATOR + 1);
            localparam CODES = $clog2(CHANNELS + 1);
            localparam WIDE = (NUMERATOR > OUT_BITS ? NUMERATOR : OUT_BITS) + 2;
            reg [CHANNELS*SUM-1:0] waiting;             // the channel that is divided in the low bits
            reg [CHANNELS*OUT_BITS-1:0] made;
            reg [DENOMINATOR-1:0] denominator;
            reg [NUMERATOR-1:0] rest;                   // bits of the numerator, then of the quotient
            reg [DENOMINATOR:0] remainder;              // twice it fits, too
            reg [BITS-1:0] bits;                        // that are still to be found
            reg [CODES-1:0] codes;
            reg dividing;
            wire negative = waiting[SUM-1];
            wire [SUM-1:0] magnitude = negative ? -waiting[SUM-1:0] : waiting[SUM-1:0];
            wire [NUMERATOR-1:0] wide = magnitude;
            wire [DENOMINATOR:0] next = {remainder[DENOMINATOR-1:0], rest[NUMERATOR-1]};
            wire fits = next >= {1'b0, denominator};
            wire [DENOMINATOR:0] twice = {remainder[DENOMINATOR-1:0], 1'b0};
            wire above = twice > {1'b0, denominator};
            wire tie = twice == {1'b0, denominator};
            wire farther =                               // from zero
                ROUNDING == 0 ? above || (tie && rest[0]) :
                ROUNDING == 1 ? above || (tie && !negative) :
                ROUNDING == 3 ? negative && remainder != 0 :
                above || tie;
            wire signed [WIDE-1:0] rounded = {{(WIDE-NUMERATOR){1'b0}}, rest} + farther;
            wire signed [WIDE-1:0] number = negative ? -rounded : rounded;
            localparam signed [WIDE-1:0] MOST =
                OUT_SIGNED != 0 ? (1 << (OUT_BITS - 1)) - 1 : (1 << OUT_BITS) - 1;
            localparam signed [WIDE-1:0] LEAST = OUT_SIGNED != 0 ? -(1 << (OUT_BITS - 1)) : 0;
            wire [OUT_BITS-1:0] code =
                number > MOST ? MOST[OUT_BITS-1:0] :
                number < LEAST ? LEAST[OUT_BITS-1:0] :
                number[OUT_BITS-1:0];
            assign done = busy && codes == CHANNELS;
            assign result = made;
            always @(posedge clk)
                if (step && last) begin
                    waiting <= more;
                    denominator <= {{(DENOMINATOR-COUNT){1'b0}}, count} + 1'b1 << DOWN;
                    codes <= 0;
                    dividing <= 1'b0;
                end else if (busy && codes != CHANNELS) begin
                    if (!dividing) begin
                        rest <= wide << UP;
                        remainder <= 0;
                        bits <= NUMERATOR;
                        dividing <= 1'b1;
                    end else if (bits != 0) begin
                        remainder <= fits ? next - {1'b0, denominator} : next;
                        rest <= {rest[NUMERATOR-2:0], fits};
                        bits <= bits - 1'b1;
                    end else begin
                        made <= {code, made} >> OUT_BITS;
                        waiting <= waiting >> SUM;
                        codes <= codes + 1'b1;
                        dividing <= 1'b0;
                    end
                end
        end
    endgenerate
endmodule
