// The clock, for simulators that have time.
module hwrts_tb_clock;
    reg clk = 1'b0;
    wire finished, failed;
    always #1 clk = !clk;
    hwrts_tb tb (.clk(clk), .finished(finished), .failed(failed));
    always @(posedge clk) if (finished) $finish;
endmodule
