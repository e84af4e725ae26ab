"""RMS norms for vLLM on a CPU: vLLM's compiled kernels, which version 0.31 enables on GPUs only.

Without them every norm is a chain of eight tensor operations, a quarter of a decoding step's time.
"""

from typing import Any

PROVIDER = "reasondistill_cpu"


def register_norms() -> dict[str, list[str]]:
    """Register the kernels; return the priorities for vLLM's `ir_op_priority`, empty without kernels."""
    import torch
    from vllm import ir
    from vllm.platforms import current_platform

    current_platform.import_kernels()
    kernels = getattr(torch.ops, "_C", None)
    if not current_platform.is_cpu() or not all(hasattr(kernels, name) for name in ("rms_norm", "fused_add_rms_norm")):
        return {}
    if PROVIDER not in ir.ops.rms_norm.impls:
        _register(ir.ops, kernels)
    return {name: [PROVIDER, "native"] for name in ("rms_norm", "fused_add_rms_norm")}


def _register(ops: Any, kernels: Any) -> None:
    import torch

    def fits(x: Any, weight: Any, epsilon: float, variance_size: int | None = None) -> bool:
        return variance_size is None and weight is not None and weight.dtype == x.dtype and x.dim() == 2

    def fits_sum(x: Any, x_residual: Any, weight: Any, epsilon: float, variance_size: int | None = None) -> bool:
        return fits(x, weight, epsilon, variance_size) and x.is_contiguous() and x_residual.is_contiguous()

    @ops.rms_norm.register_impl(PROVIDER, supports_args=fits)  # type: ignore[untyped-decorator]
    def rms_norm(
        x: torch.Tensor, weight: torch.Tensor | None, epsilon: float, variance_size: int | None = None
    ) -> torch.Tensor:
        output = torch.empty(x.shape, device=x.device, dtype=x.dtype)
        kernels.rms_norm(output, x.contiguous(), weight, epsilon)
        return output

    @ops.fused_add_rms_norm.register_impl(PROVIDER, supports_args=fits_sum, inplace=True)  # type: ignore[untyped-decorator]
    def fused_add_rms_norm(
        x: torch.Tensor,
        x_residual: torch.Tensor,
        weight: torch.Tensor | None,
        epsilon: float,
        variance_size: int | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        kernels.fused_add_rms_norm(x, x_residual, weight, epsilon)
        return x, x_residual
