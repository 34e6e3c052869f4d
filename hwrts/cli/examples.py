"""The examples below each command's help; each is a line for a shell."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("hwrts demo", "hwrts demo --no-browser -o runs/demo"),
    "run": (
        "hwrts run --name first",
        "hwrts run --data photographs --blocks 3 --channels 64 --stages 4",
        "hwrts run --resume runs/first",
    ),
    "sweep": (
        "hwrts sweep --budget params=30k,line_kib=256 --data photographs",
        "hwrts sweep --status -o sweep",
    ),
    "reproduce": (
        "hwrts reproduce --budget tiny -o first_look",
        "hwrts reproduce all --data DIV2K_train_HR --val DIV2K_valid_HR --int8",
    ),
    "prune": (
        "hwrts prune runs/first --budget line_kib=64",
        "hwrts prune runs/first --budget params=6k,line_kib=64 --rounds 5 --name small",
    ),
    "quantize": (
        "hwrts quantize runs/first --weight-bits 4",
        "hwrts quantize my_file.py:build --check",
        "hwrts quantize my_file.py:build --weights w.pth --data photographs",
    ),
    "list": ("hwrts list", "hwrts list sweep/trials --json"),
    "compare": (
        "hwrts compare runs/first runs/second -o compare.html",
        "hwrts compare PHOTO.jpg OUT.png -o look.html",
        "hwrts compare runs/first --on clip.mp4 --frames 12 -o look.html",
    ),
    "enhance": (
        "hwrts enhance photo.jpg -o better.png --run runs/first",
        "hwrts enhance photographs -o twice --run runs/first --x2",
        "hwrts enhance clip.mp4 -o better.mkv --run runs/first",
    ),
    "export": (
        "hwrts export runs/first -o handover",
        "hwrts export runs/first -o handover --target tflite --size 360x640",
        "hwrts export runs/first -o kit --format c --format vectors",
        "hwrts export runs/first -o kit --format rtl --mode 1080p60 --clock-mhz 300",
    ),
    "handover": (
        "hwrts handover runs/first -o kit",
        "hwrts handover runs/first --stage 3 -o kit --mode 1080p60 --clock-mhz 300",
    ),
    "view": ("hwrts view runs/first --stage 2",),
    "verify": ("hwrts verify runs/first", "hwrts verify runs/first --stage 2 --layer conv_0"),
    "check-vectors": (
        "hwrts check-vectors kit/vectors --outputs sim/out",
        "hwrts check-vectors kit --outputs out --case c0_photograph --json",
    ),
    "evaluate": ("hwrts evaluate runs/first --data Set5",),
    "patterns": ("hwrts patterns runs/first --require flat=0,grey=1,border=1 -o patterns",),
    "score": ("hwrts score photographs --workers 2",),
    "sensitivity": ("hwrts sensitivity runs/first --bits 2-7",),
    "cost": (
        "hwrts cost residual --blocks 3 --channels 64 --mode 2160p60",
        "hwrts cost runs/first --mode 1080p60",
    ),
    "inspect": ("hwrts inspect runs/first", "hwrts inspect handover --layer conv_0"),
    "info": ("hwrts info --json",),
}
