"""The tutorial's way of doing steps 2 to 4, for the benchmark.

It keeps to the tutorial's text, but for what ends in an error with today's libraries.
"""

import csv
import itertools

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

MEAN, STD = 0.485, 0.229
EPOCHS = 12
BATCH_SIZE = 32
LEARNING_RATE, MOMENTUM = 0.01, 0.9


def read(path):
    """Read a csv file: lists of classes 0..23 and of images' 784 values."""
    mapping = [*range(9), *range(10, 25)]
    labels, samples = [], []
    with open(path) as file:
        next(file)
        for line in csv.reader(file):
            labels.append(mapping.index(int(line[0])))
            samples.append(list(map(int, line[1:])))
    return labels, samples


class SignLanguageMNIST(Dataset):
    """One item at a time through PIL; each access makes the transforms again."""

    def __init__(self, path):
        labels, samples = read(path)
        self.samples = np.array(samples, dtype=np.uint8).reshape((-1, 28, 28, 1))
        self.labels = np.array(labels, dtype=np.uint8).reshape((-1, 1))

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomResizedCrop(28, scale=(0.8, 1.2)),
                transforms.ToTensor(),
                transforms.Normalize([MEAN], [STD]),
            ]
        )
        image, label = transform(self.samples[idx]), torch.from_numpy(self.labels[idx])
        return {"image": image.float(), "label": label.float()}


class Net(nn.Module):
    """The tutorial's network: float32 (N, 1, 28, 28) -> logits (N, 24)."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 6, 3)
        self.conv3, self.pool = nn.Conv2d(6, 16, 3), nn.MaxPool2d(2, 2)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 48), nn.Linear(48, 24)

    def forward(self, x):
        x = self.pool(F.relu(self.conv2(F.relu(self.conv1(x)))))
        x = self.pool(F.relu(self.conv3(x))).flatten(1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def train(net, loader, epochs=EPOCHS, batches=None):
    """Train for some epochs, or on the first `batches` of each."""
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), LEARNING_RATE, MOMENTUM)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)
    for _ in range(epochs):
        for data in itertools.islice(loader, batches):
            optimizer.zero_grad()
            loss = criterion(net(data["image"]), data["label"].long()[:, 0])
            loss.backward()
            optimizer.step()
            loss.item()
        scheduler.step()


def export(net):
    """Export `net` as an ONNX model (bytes) that takes one image."""
    image = torch.zeros(1, 1, 28, 28)
    program = torch.onnx.export(net.eval(), (image,), input_names=["input"], verbose=False)
    return program.model_proto.SerializeToString()


def evaluate(net, loader, batches):
    """Count the images of the first batches that `net`, of either runtime, reads rightly."""
    right = 0
    for batch in itertools.islice(loader, batches):
        outputs = net(batch["image"])
        outputs = outputs.data.numpy() if torch.is_tensor(outputs) else outputs
        right += np.sum(np.argmax(outputs, axis=1) == batch["label"].numpy()[:, 0])
    return right


def get_loaders(train_csv, test_csv):
    """Make DataLoaders of the training and the test images."""
    sets = SignLanguageMNIST(train_csv), SignLanguageMNIST(test_csv)
    return [DataLoader(dataset, BATCH_SIZE, shuffle=True) for dataset in sets]
