// One of several words: a tree of multiplexers, for a shift by a product would be one over all bits of all words.
module hwrts_select #(
    parameter WORDS = 4,
    parameter WIDTH = 8,
    parameter INDEX = 16         // bits of index, which is below WORDS
) (
    input  wire [WORDS*WIDTH-1:0] words,
    input  wire [INDEX-1:0]       index,
    output wire [WIDTH-1:0]       word
);
    localparam DEPTH = $clog2(WORDS);
    // Node k is one of 2k+1 and 2k+2; the last 2**DEPTH of them are the words, and some that nobody asks for.
    wire [WIDTH-1:0] node [0:(2<<DEPTH)-2];
    assign word = node[0];
    genvar d, k;
    generate
        for (k = 0; k < 1 << DEPTH; k = k + 1) begin : leaf
            if (k < WORDS) begin : there
                assign node[(1<<DEPTH)-1+k] = words[k*WIDTH +: WIDTH];
            end else begin : none
                assign node[(1<<DEPTH)-1+k] = {WIDTH{1'bx}};
            end
        end
        for (d = 0; d < DEPTH; d = d + 1) begin : level
            for (k = (1 << d) - 1; k < (2 << d) - 1; k = k + 1) begin : pair
                assign node[k] = index[DEPTH-1-d] ? node[2*k+2] : node[2*k+1];
            end
        end
    endgenerate
endmodule
