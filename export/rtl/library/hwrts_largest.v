// The largest of several words of codes, lane by lane: a tree of comparisons.
module hwrts_largest #(
    parameter WORDS = 4,
    parameter LANES = 3,         // codes of a word
    parameter BITS = 8,
    parameter SIGNED = 0
) (
    input  wire [WORDS*LANES*BITS-1:0] words,
    output wire [LANES*BITS-1:0]       largest
);
    genvar n, k;
    generate
        for (n = 0; n < LANES; n = n + 1) begin : lane
            // Node k is the larger of 2k+1 and 2k+2; the last WORDS of them are the codes.
            wire signed [BITS:0] node [0:2*WORDS-2];
            for (k = 0; k < WORDS; k = k + 1) begin : leaf
                wire [BITS-1:0] x = words[(k*LANES + n)*BITS +: BITS];
                assign node[WORDS-1+k] = {SIGNED != 0 ? x[BITS-1] : 1'b0, x};
            end
            for (k = 0; k < WORDS - 1; k = k + 1) begin : pair
                assign node[k] = node[2*k+1] > node[2*k+2] ? node[2*k+1] : node[2*k+2];
            end
            assign largest[n*BITS +: BITS] = node[0][BITS-1:0];
        end
    endgenerate
endmodule
