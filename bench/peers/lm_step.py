"""One training step of a word-level LSTM language model in PyTorch: the work of bench/contenders/lm-step.ts."""

from serve import serve


def prepare(torch, options):
    words, hidden, layers = (options[key] for key in ("words", "hidden", "layers"))
    batch, window = options["batch"], options["window"]
    dropout, fixed = 0.5, options["vectors"] != "learned"
    functional = torch.nn.functional
    embedding = torch.nn.Embedding(words, hidden)
    embedding.weight.requires_grad_(not fixed)
    scale = torch.nn.Parameter(torch.ones(1))
    lstm = torch.nn.LSTM(hidden, hidden, layers, dropout=dropout)
    for layer in range(layers):
        # One bias a layer, as ours.
        torch.nn.init.zeros_(getattr(lstm, f"bias_hh_l{layer}")).requires_grad_(False)
    classifier = torch.randn(words, hidden)
    classifier = functional.normalize(classifier) if fixed else torch.nn.Parameter(0.1 * classifier)
    bias = torch.nn.Parameter(torch.zeros(words))
    alpha = torch.nn.Parameter(torch.full((1,), hidden**0.5)) if fixed else None
    trained = [scale, bias, *embedding.parameters(), *lstm.parameters()]
    trained += [alpha] if fixed else [classifier]
    trained = [parameter for parameter in trained if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-3)
    # Word of rank r about as common as 1/r.
    text = (words ** torch.rand(2, window, batch)).long().sub(1).clamp(0, words - 1)
    state = [torch.zeros(layers, batch, hidden), torch.zeros(layers, batch, hidden)]

    def step():
        optimizer.zero_grad(set_to_none=True)
        x = functional.dropout(embedding(text[0]) * scale, dropout)
        y, after = lstm(x, (state[0], state[1]))
        state[0], state[1] = (value.detach() for value in after)
        h = functional.dropout(y, dropout).reshape(window * batch, hidden)
        if fixed:
            h = alpha * functional.normalize(h)
        loss = functional.cross_entropy(functional.linear(h, classifier, bias), text[1].reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 0.25)
        optimizer.step()
        if not loss.isfinite():
            raise ValueError("the loss is not a number")

    return step, {"parameters": str(sum(parameter.numel() for parameter in trained))}


if __name__ == "__main__":
    serve(prepare)
