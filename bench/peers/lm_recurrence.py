"""torch.nn.LSTM over a window, forward or with gradients: the work of bench/contenders/lm-recurrence.ts."""

from serve import serve


def prepare(torch, options):
    steps, batch, hidden, layers = (options[key] for key in ("steps", "batch", "hidden", "layers"))
    net = torch.nn.LSTM(hidden, hidden, layers)
    x = torch.randn(steps, batch, hidden)
    state = (torch.zeros(layers, batch, hidden), torch.zeros(layers, batch, hidden))
    upstream = torch.randn(steps, batch, hidden)

    def forward():
        with torch.no_grad():
            net(x, state)

    def step():
        net.zero_grad(set_to_none=True)
        leaf = x.clone().requires_grad_(True)
        y, _ = net(leaf, state)
        (y * upstream).sum().backward()

    return forward if options["part"] == "forward" else step, {}


if __name__ == "__main__":
    serve(prepare)
