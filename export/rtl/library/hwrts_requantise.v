// One rounding shift, then one saturation: the only place where bits are lost.
//
// shift says how many bits are dropped, SHIFT_LOW more than its own value, up to SHIFT_HIGH; below zero they
// are added. ROUNDING: 0 half to even, 1 half up, 2 half away from zero, 3 floor, 4 double (one bit half up,
// then the others half away from zero).
module hwrts_requantise #(
    parameter ACC = 24,          // bits of an accumulator, two's complement
    parameter SHIFT_LOW = 8,
    parameter SHIFT_HIGH = 8,
    parameter SHIFT_BITS = 1,    // bits of shift
    parameter ROUNDING = 0,
    parameter OUT_BITS = 8,
    parameter OUT_SIGNED = 0
) (
    input  wire signed [ACC-1:0] acc,
    input  wire [SHIFT_BITS-1:0] shift,
    output wire [OUT_BITS-1:0]   code
);
    // What is dropped in the end, of all channels alike: those that drop less are shifted left beforehand.
    localparam DROP = SHIFT_HIGH > 0 ? SHIFT_HIGH : 0;
    localparam ALIGNED = ACC + DROP - SHIFT_LOW;
    localparam EXACT = ALIGNED + 2;      // one bit more below, which is 0, and one above, for what is added
    localparam LEAST_WIDE = DROP > OUT_BITS ? DROP + 3 : OUT_BITS + 3;  // more may be dropped than there is
    localparam WIDE = EXACT > LEAST_WIDE ? EXACT : LEAST_WIDE;

    // The first bit of double, half up, where one is dropped: its even successor on the same grid.
    wire signed [ACC:0] wide_acc = {acc[ACC-1], acc};
    wire signed [ACC:0] first;
    generate
        if (ROUNDING == 4 && SHIFT_LOW >= 1) begin : all_twice
            wire signed [ACC:0] raised = wide_acc + 1;
            assign first = {raised[ACC:1], 1'b0};
        end else if (ROUNDING == 4 && SHIFT_HIGH >= 1) begin : some_twice
            wire signed [ACC:0] raised = wide_acc + 1;
            assign first = shift >= 1 - SHIFT_LOW ? {raised[ACC:1], 1'b0} : wide_acc;
        end else begin : once
            assign first = wide_acc;
        end
    endgenerate

    wire signed [WIDE-1:0] extended = {{(WIDE-ACC-1){first[ACC]}}, first};
    wire signed [WIDE-1:0] aligned;
    generate
        if (SHIFT_LOW == SHIFT_HIGH) begin : one_shift
            assign aligned = extended <<< (DROP - SHIFT_LOW + 1);
        end else begin : shifts
            wire [7:0] left = DROP - SHIFT_LOW + 1 - {{(8-SHIFT_BITS){1'b0}}, shift};
            assign aligned = extended <<< left;
        end
    endgenerate

    wire signed [WIDE-1:0] floor = aligned >>> (DROP + 1);
    wire half = aligned[DROP];
    wire [DROP+1:0] below_half = aligned[DROP+1:0] & ((1 << DROP) - 1);
    wire rest = |below_half;
    wire above =
        ROUNDING == 0 ? half && (rest || floor[0]) :
        ROUNDING == 1 ? half :
        ROUNDING == 3 ? 1'b0 :
        half && (rest || !aligned[WIDE-1]);
    wire signed [WIDE-1:0] rounded = floor + $signed({1'b0, above});

    localparam signed [WIDE-1:0] MOST = OUT_SIGNED != 0 ? (1 << (OUT_BITS - 1)) - 1 : (1 << OUT_BITS) - 1;
    localparam signed [WIDE-1:0] LEAST = OUT_SIGNED != 0 ? -(1 << (OUT_BITS - 1)) : 0;
    assign code =
        rounded > MOST ? MOST[OUT_BITS-1:0] :
        rounded < LEAST ? LEAST[OUT_BITS-1:0] :
        rounded[OUT_BITS-1:0];
endmodule
