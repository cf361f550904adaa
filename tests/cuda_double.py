"""A CUDA device that computes nothing, for machines without one.

Tensors on it have shapes and types but no values. It refuses what CUDA refuses: an operation on tensors of both devices, and pixels
that numpy should read before they are copied to the processor. What comes back to the processor is filled with random numbers, so
that training and validation run to their ends. Operations on the processor alone are computed as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._pytree import tree_leaves, tree_map

from brightfield.inference import device

NAME = "a double of CUDA"


@contextmanager
def cuda_double(memory: int = 2**34) -> Iterator[None]:
    """A context in which ``compute.device: auto`` finds the double, with so many bytes of memory, all free."""
    found = torch.device("cuda", 0)
    with ExitStack() as patches:
        for place, name, double in [
            (device, "_torch_device", lambda wanted: torch.device("cpu") if wanted == "cpu" else found),
            (torch.cuda, "is_bf16_supported", lambda *_: True),
            (torch.cuda, "get_device_name", lambda *_: NAME),
            (torch.cuda, "mem_get_info", lambda *_: (memory, memory)),
            (torch, "Generator", _Generator),
            (torch.cuda.amp.common, "amp_definitely_not_available", lambda: False),
            (nn.Module, "_apply", _apply),
            (Tensor, "backward", _backward),
        ]:
            patches.enter_context(mock.patch.object(place, name, double))
        patches.enter_context(_Double(allow_non_fake_inputs=True))
        yield


class _Generator(torch.Generator):
    """A generator of random numbers, of which a double needs none."""

    def __new__(cls, *_: Any) -> _Generator:
        return super().__new__(cls)


class _Double(FakeTensorMode):
    """Computes with shapes alone where a tensor of CUDA takes part."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        if not any(isinstance(leaf, FakeTensor) or _is_cuda(leaf) for leaf in leaves):
            return func(*args, **kwargs)
        if func is torch.ops.aten._local_scalar_dense.default:  # of `float(tensor)`
            return 0.0 if args[0].dtype.is_floating_point else 0
        args, kwargs = tree_map(self._as_fake, (args, kwargs))
        return tree_map(_back_on_the_processor, super().__torch_dispatch__(func, types, args, kwargs))

    def _as_fake(self, leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or isinstance(leaf, FakeTensor):
            return leaf
        with unset_fake_temporarily():
            shape = torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device="meta")
            return FakeTensor(self, shape, leaf.device)


def _is_cuda(leaf: Any) -> bool:
    return isinstance(leaf, torch.device) and leaf.type == "cuda"


def _back_on_the_processor(leaf: Any) -> Any:
    if not isinstance(leaf, Tensor) or leaf.device.type != "cpu":
        return leaf
    with unset_fake_temporarily():
        if leaf.dtype.is_floating_point:
            return torch.rand(leaf.shape).to(leaf.dtype)
        return torch.zeros(leaf.shape, dtype=leaf.dtype)


def _apply(module: nn.Module, function: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """``nn.Module._apply``, which refuses to exchange a parameter without values for another."""
    del recurse
    for child in module.children():
        child._apply(function)
    for name, parameter in module._parameters.items():
        if parameter is not None:
            with torch.no_grad():
                moved = function(parameter)
            if moved is not parameter:
                module._parameters[name] = nn.Parameter(moved.detach(), parameter.requires_grad)
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = function(buffer)
    return module


def _backward(loss: Tensor) -> None:
    """Give every parameter behind the loss a gradient; torch's own engine asks the driver for the device."""
    if loss.grad_fn is None:
        raise RuntimeError("element 0 of tensors does not require grad and does not have a grad_fn")
    seen: set[Any] = set()
    ahead = [loss.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            node.variable.grad = torch.zeros_like(node.variable)
        ahead += [before for before, _ in node.next_functions]
