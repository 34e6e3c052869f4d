// Weighted sums of the codes under a window, folded onto PE x SIMD multipliers, and their requantisation.
//
// A pixel takes GROUPS * ceil(OUTPUTS / GROUPS / PE) * ceil(INPUTS / SIMD) clocks: for each group, for each
// PE of its output channels, SIMD inputs at a time. The codes of a group stand together in s_data. Everything
// stands still while the result is not taken.
module hwrts_mac #(
    parameter INPUTS = 27,       // of one output channel
    parameter OUTPUTS = 8,       // of all groups
    parameter GROUPS = 1,
    parameter PE = 1,
    parameter SIMD = 9,
    parameter IN_BITS = 8,
    parameter IN_SIGNED = 0,
    parameter WEIGHT_BITS = 8,
    parameter ACC = 24,
    parameter SHIFT_LOW = 8,
    parameter SHIFT_HIGH = 8,
    parameter SHIFT_BITS = 1,
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0,
    parameter LOADABLE = 0,
    parameter ADDRESS = 1,       // bits of an address of weights
    parameter WEIGHTS = "none.mem",
    parameter BIASES = "none.mem"
) (
    input  wire                             clk,
    input  wire                             reset,
    input  wire                             s_valid,
    output wire                             s_ready,   // does not depend on s_valid
    input  wire [GROUPS*INPUTS*IN_BITS-1:0] s_data,
    output reg                              m_valid,
    input  wire                             m_ready,
    output reg  [OUTPUTS*OUT_BITS-1:0]      m_data,
    input  wire                             load_weights,
    input  wire                             load_biases,
    input  wire [ADDRESS-1:0]               load_address,
    input  wire [PE*SIMD*WEIGHT_BITS+PE*(ACC+SHIFT_BITS)-1:0] load_data
);
    localparam OF_GROUP = OUTPUTS / GROUPS;
    localparam TURNS = (OF_GROUP + PE - 1) / PE;    // of one group
    localparam PARTS = (INPUTS + SIMD - 1) / SIMD;
    localparam SLOTS = GROUPS * TURNS;
    localparam SLICE = SIMD * IN_BITS;
    localparam BIAS = ACC + SHIFT_BITS;
    localparam PART_BITS = PARTS > 1 ? $clog2(PARTS) : 1;
    localparam TURN_BITS = TURNS > 1 ? $clog2(TURNS) : 1;
    localparam SLOT_BITS = SLOTS > 1 ? $clog2(SLOTS) : 1;
    localparam PLACE_BITS = GROUPS * PARTS > 1 ? $clog2(GROUPS * PARTS) : 1;
    // Codes that are chosen of many wait a clock in front of the multipliers; others need not.
    localparam WAITS = GROUPS * PARTS > 8 ? 1 : 0;
    localparam STAGES = 3 + WAITS;                  // from the counters to the accumulators

    wire enable = !m_valid || m_ready;

    // Which part of which sums.
    reg [PART_BITS-1:0] part;
    reg [TURN_BITS-1:0] turn;
    reg [PLACE_BITS-1:0] first_place;               // of the group
    reg [SLOT_BITS-1:0] slot;
    reg [ADDRESS-1:0] address;
    wire last_part = part == PARTS - 1;
    wire last_turn = turn == TURNS - 1;
    wire last_slot = slot == SLOTS - 1;
    wire go = enable && s_valid;
    wire [ADDRESS-1:0] next_address =
        reset || (go && last_part && last_slot) ? {ADDRESS{1'b0}} : go ? address + 1'b1 : address;
    assign s_ready = enable && last_part && last_slot;
    always @(posedge clk)
        if (reset) begin
            part <= 0;
            turn <= 0;
            first_place <= 0;
            slot <= 0;
        end else if (go) begin
            part <= last_part ? {PART_BITS{1'b0}} : part + 1'b1;
            if (last_part) begin
                slot <= last_slot ? {SLOT_BITS{1'b0}} : slot + 1'b1;
                turn <= last_turn ? {TURN_BITS{1'b0}} : turn + 1'b1;
                if (last_turn) first_place <= last_slot ? {PLACE_BITS{1'b0}} : first_place + PARTS;
            end
        end
    always @(posedge clk) address <= next_address;

    // Codes and weights.
    wire [GROUPS*PARTS*SLICE-1:0] padded;
    genvar g;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : of_group
            wire [PARTS*SLICE-1:0] own = s_data[g*INPUTS*IN_BITS +: INPUTS*IN_BITS];  // zeros above
            assign padded[g*PARTS*SLICE +: PARTS*SLICE] = own;
        end
    endgenerate
    wire [SLICE-1:0] chosen, codes;
    wire [PLACE_BITS-1:0] place = first_place + part;
    hwrts_select #(.WORDS(GROUPS*PARTS), .WIDTH(SLICE), .INDEX(PLACE_BITS)) slices (
        .words(padded), .index(place), .word(chosen)
    );
    generate
        if (WAITS != 0) begin : late
            reg [SLICE-1:0] held;
            always @(posedge clk) if (enable) held <= chosen;
            assign codes = held;
        end else begin : at_once
            assign codes = chosen;
        end
    endgenerate
    wire [PE*SIMD*WEIGHT_BITS-1:0] weights;         // those of the codes
    hwrts_rom #(
        .WIDTH(PE*SIMD*WEIGHT_BITS), .DEPTH(SLOTS*PARTS), .ADDRESS(ADDRESS), .LOADABLE(LOADABLE), .FILE(WEIGHTS)
    ) weight_rom (
        .clk(clk), .enable(enable || reset), .address(WAITS != 0 ? address : next_address), .data(weights),
        .load(load_weights), .load_address(load_address), .load_data(load_data[PE*SIMD*WEIGHT_BITS-1:0])
    );

    // What belongs to the products, the sums and the accumulators: the lowest is the first of them.
    reg [STAGES-1:0] there, starts, ends;
    reg [STAGES*SLOT_BITS-1:0] slots;
    always @(posedge clk)
        if (reset) there <= 0;
        else if (enable) there <= {there[STAGES-2:0], s_valid};
    always @(posedge clk)
        if (enable) begin
            starts <= {starts[STAGES-2:0], part == 0};
            ends <= {ends[STAGES-2:0], last_part};
            slots <= {slots[(STAGES-1)*SLOT_BITS-1:0], slot};
        end

    // Biases, and in the bits above them how many bits are dropped; shifts wait a clock longer.
    wire [PE*BIAS-1:0] biases;
    wire [ADDRESS-1:0] bias_address = slots[(STAGES-3)*SLOT_BITS +: SLOT_BITS];
    hwrts_rom #(
        .WIDTH(PE*BIAS), .DEPTH(SLOTS), .ADDRESS(ADDRESS), .LOADABLE(LOADABLE), .FILE(BIASES)
    ) bias_rom (
        .clk(clk), .enable(enable), .address(bias_address), .data(biases),
        .load(load_biases), .load_address(load_address),
        .load_data(load_data[PE*SIMD*WEIGHT_BITS +: PE*BIAS])
    );

    wire [PE*OUT_BITS-1:0] made;
    genvar p;
    generate
        for (p = 0; p < PE; p = p + 1) begin : pe
            wire signed [ACC-1:0] sum;
            hwrts_lane #(
                .SIMD(SIMD), .IN_BITS(IN_BITS), .IN_SIGNED(IN_SIGNED), .WEIGHT_BITS(WEIGHT_BITS), .ACC(ACC)
            ) lane (
                .clk(clk), .enable(enable), .codes(codes),
                .weights(weights[p*SIMD*WEIGHT_BITS +: SIMD*WEIGHT_BITS]), .sum(sum)
            );
            reg signed [ACC-1:0] acc;
            reg [SHIFT_BITS-1:0] shift;
            always @(posedge clk)
                if (enable && there[STAGES-2]) begin
                    acc <= (starts[STAGES-2] ? biases[p*BIAS +: ACC] : acc) + sum;
                    shift <= biases[p*BIAS + ACC +: SHIFT_BITS];
                end
            hwrts_requantise #(
                .ACC(ACC), .SHIFT_LOW(SHIFT_LOW), .SHIFT_HIGH(SHIFT_HIGH), .SHIFT_BITS(SHIFT_BITS),
                .ROUNDING(ROUNDING), .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
            ) requantise (.acc(acc), .shift(shift), .code(made[p*OUT_BITS +: OUT_BITS]));
        end
    endgenerate

    wire done = there[STAGES-1] && ends[STAGES-1];
    wire [SLOT_BITS-1:0] made_slot = slots[(STAGES-1)*SLOT_BITS +: SLOT_BITS];
    always @(posedge clk)
        if (reset) m_valid <= 1'b0;
        else if (enable) m_valid <= done && made_slot == SLOTS - 1;
    genvar c;
    generate
        for (c = 0; c < OUTPUTS; c = c + 1) begin : channel
            localparam SLOT = c / OF_GROUP * TURNS + c % OF_GROUP / PE;
            localparam LANE = c % OF_GROUP % PE;
            always @(posedge clk)
                if (enable && done && made_slot == SLOT)
                    m_data[c*OUT_BITS +: OUT_BITS] <= made[LANE*OUT_BITS +: OUT_BITS];
        end
    endgenerate
endmodule
