// The sum of two numbers, one bit wider. A module of its own that stays one: Yosys makes of additions that
// follow each other rows of full adders, which take four times the tables of an FPGA that its carry chains do.
(* keep_hierarchy *)
module hwrts_sum #(
    parameter BITS = 16          // of an operand
) (
    input  wire signed [BITS-1:0] a,
    input  wire signed [BITS-1:0] b,
    output wire signed [BITS:0]   sum
);
    assign sum = a + b;
endmodule
