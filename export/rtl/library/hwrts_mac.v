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
    localparam COUNT = 16;

    wire enable = !m_valid || m_ready;

    // Clock 0: which part of which sums.
    reg [COUNT-1:0] part, turn, group, slot, address;
    wire last_part = part == PARTS - 1;
    wire last_turn = turn == TURNS - 1;
    wire last_slot = slot == SLOTS - 1;
    assign s_ready = enable && last_part && last_slot;
    always @(posedge clk)
        if (reset) begin
            part <= 0;
            turn <= 0;
            group <= 0;
            slot <= 0;
            address <= 0;
        end else if (enable && s_valid) begin
            part <= last_part ? {COUNT{1'b0}} : part + 1'b1;
            address <= last_part && last_slot ? {COUNT{1'b0}} : address + 1'b1;
            if (last_part) begin
                slot <= last_slot ? {COUNT{1'b0}} : slot + 1'b1;
                turn <= last_turn ? {COUNT{1'b0}} : turn + 1'b1;
                if (last_turn) group <= last_slot ? {COUNT{1'b0}} : group + 1'b1;
            end
        end

    // Clock 1: codes and weights.
    wire [GROUPS*PARTS*SLICE-1:0] padded;
    genvar g;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : of_group
            wire [PARTS*SLICE-1:0] own = s_data[g*INPUTS*IN_BITS +: INPUTS*IN_BITS];  // zeros above
            assign padded[g*PARTS*SLICE +: PARTS*SLICE] = own;
        end
    endgenerate
    reg [SLICE-1:0] codes;
    wire [PE*SIMD*WEIGHT_BITS-1:0] weights;
    generate
        if (GROUPS * PARTS == 1) begin : all_codes
            always @(posedge clk) if (enable) codes <= padded;
        end else begin : some_codes
            wire [COUNT-1:0] place = GROUPS == 1 ? part : group * PARTS + part;
            wire [SLICE-1:0] chosen;
            hwrts_select #(.WORDS(GROUPS*PARTS), .WIDTH(SLICE), .INDEX(COUNT)) slices (
                .words(padded), .index(place), .word(chosen)
            );
            always @(posedge clk) if (enable) codes <= chosen;
        end
    endgenerate
    hwrts_rom #(
        .WIDTH(PE*SIMD*WEIGHT_BITS), .DEPTH(SLOTS*PARTS), .ADDRESS(ADDRESS), .LOADABLE(LOADABLE), .FILE(WEIGHTS)
    ) weight_rom (
        .clk(clk), .enable(enable), .address(address[ADDRESS-1:0]), .data(weights),
        .load(load_weights), .load_address(load_address), .load_data(load_data[PE*SIMD*WEIGHT_BITS-1:0])
    );

    // Clocks 1 to 4: what belongs to codes, products, sums, accumulators.
    reg [3:0] there, starts, ends;
    reg [COUNT-1:0] slot_1, slot_2, slot_3, slot_4;
    always @(posedge clk)
        if (reset) there <= 0;
        else if (enable) there <= {there[2:0], s_valid};
    always @(posedge clk)
        if (enable) begin
            starts <= {starts[2:0], part == 0};
            ends <= {ends[2:0], last_part};
            slot_1 <= slot;
            slot_2 <= slot_1;
            slot_3 <= slot_2;
            slot_4 <= slot_3;
        end

    // Biases, and in the bits above them how many bits are dropped; shifts wait a clock longer.
    wire [PE*BIAS-1:0] biases;
    hwrts_rom #(
        .WIDTH(PE*BIAS), .DEPTH(SLOTS), .ADDRESS(ADDRESS), .LOADABLE(LOADABLE), .FILE(BIASES)
    ) bias_rom (
        .clk(clk), .enable(enable), .address(slot_2[ADDRESS-1:0]), .data(biases),
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
                if (enable && there[2]) begin
                    acc <= (starts[2] ? biases[p*BIAS +: ACC] : acc) + sum;
                    shift <= biases[p*BIAS + ACC +: SHIFT_BITS];
                end
            hwrts_requantise #(
                .ACC(ACC), .SHIFT_LOW(SHIFT_LOW), .SHIFT_HIGH(SHIFT_HIGH), .SHIFT_BITS(SHIFT_BITS),
                .ROUNDING(ROUNDING), .OUT_BITS(OUT_BITS), .OUT_SIGNED(OUT_SIGNED)
            ) requantise (.acc(acc), .shift(shift), .code(made[p*OUT_BITS +: OUT_BITS]));
        end
    endgenerate

    wire done = there[3] && ends[3];
    always @(posedge clk)
        if (reset) m_valid <= 1'b0;
        else if (enable) m_valid <= done && slot_4 == SLOTS - 1;
    genvar c;
    generate
        for (c = 0; c < OUTPUTS; c = c + 1) begin : channel
            localparam SLOT = c / OF_GROUP * TURNS + c % OF_GROUP / PE;
            localparam LANE = c % OF_GROUP % PE;
            always @(posedge clk)
                if (enable && done && slot_4 == SLOT)
                    m_data[c*OUT_BITS +: OUT_BITS] <= made[LANE*OUT_BITS +: OUT_BITS];
        end
    endgenerate
endmodule
