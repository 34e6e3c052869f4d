// Constants: one word a clock, a clock after its address. With LOADABLE they can be written, while no frame
// is inside; FILE is what stands there at the beginning.
module hwrts_rom #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS = 1,       // bits of an address
    parameter LOADABLE = 0,
    parameter FILE = "none.mem"  // of $readmemh
) (
    input  wire               clk,
    input  wire               enable,
    input  wire [ADDRESS-1:0] address,
    output reg  [WIDTH-1:0]   data,
    input  wire               load,
    input  wire [ADDRESS-1:0] load_address,
    input  wire [WIDTH-1:0]   load_data
);
    reg [WIDTH-1:0] memory [0:DEPTH-1];
    initial $readmemh(FILE, memory);

    always @(posedge clk) if (enable) data <= memory[address];

    generate
        if (LOADABLE != 0) begin : loadable
            always @(posedge clk) if (load) memory[load_address] <= load_data;
        end
    endgenerate
endmodule
