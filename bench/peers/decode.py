"""An epoch of torchvision's ImageNet training transforms (Pillow) over a folder of images, by a DataLoader with worker processes."""

from serve import serve


def prepare(torch, options):
    import PIL
    import torchvision
    from torchvision import transforms

    size = options["image"]
    view = transforms.Compose(
        [
            transforms.RandomResizedCrop(size),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )
    images = torchvision.datasets.ImageFolder(options["folder"], view)
    loader = torch.utils.data.DataLoader(
        images,
        batch_size=options["batch"],
        shuffle=True,
        drop_last=True,
        num_workers=options["workers"],
        persistent_workers=True,
    )

    def call():
        for batch, _ in loader:
            batch[0, 0, 0, 0].item()

    return call, {"torchvision": torchvision.__version__, "Pillow": PIL.__version__}


if __name__ == "__main__":
    serve(prepare)
