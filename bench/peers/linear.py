"""The forward pass of PyTorch's Linear, by the linked BLAS or by oneDNN."""

from serve import serve


def prepare(torch, options):
    linear = torch.nn.Linear(options["features"], options["classes"]).eval()
    features = torch.randn(options["batch"], options["features"]).abs()
    if options["library"] == "oneDNN":
        from torch.utils.mkldnn import to_mkldnn

        linear, features = to_mkldnn(linear), features.to_mkldnn()

    def call():
        with torch.inference_mode():
            linear(features)

    return call, {}


if __name__ == "__main__":
    serve(prepare)
