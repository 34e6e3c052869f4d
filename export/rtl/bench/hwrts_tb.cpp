// The clock, for Verilator.
#include "Vhwrts_tb.h"
#include "verilated.h"

int main(int argc, char** argv) {
    VerilatedContext context;
    context.commandArgs(argc, argv);
    Vhwrts_tb tb(&context);
    while (!tb.finished) {
        tb.clk = 0;
        tb.eval();
        tb.clk = 1;
        tb.eval();
    }
    const int failed = tb.failed;
    tb.final();
    return failed;
}
