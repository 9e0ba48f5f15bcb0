using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>A norm, the router behind it and the choice on a device: up to eight generated rows of 2,048, each by a cluster of Hopper's groups.</summary>
/// <param name="stream">The device.</param>
internal sealed class NormedRouterDevice(KernelStream stream) : NormedRouter
{
    // As in Kernels/Device/Ops/RouterRows.cs, and RowChoice.
    private const long MostRows = 8;
    private const long Width = 2048;
    private const int ClusterGroups = 16;
    private const long FewExperts = 256;
    private const long ManyExperts = 512;
    private const long MostChosen = 32;

    // Whether the card has room for such a cluster, asked when a kernel is first wanted.
    private bool? _few;
    private bool? _many;

    public override bool Takes(long rows, long promptRows, LinearWeight weight, long experts, long topK) =>
        stream.MatrixUnits == MatrixUnits.WarpGroup && rows >= 1 && rows <= MostRows && promptRows == 0 && weight.Inputs == Width
        && weight.Type == DType.BF16 && weight.Parts.Length == 1 && weight.Parts[0].Address % 16 == 0
        && experts >= 1 && experts <= ManyExperts && weight.Outputs - experts is 0 or 1 && topK <= MostChosen
        && (experts <= FewExperts ? _few ??= stream.Fits(DeviceKernels.RouterRowsFew) : _many ??= stream.Fits(DeviceKernels.RouterRowsMany));

    private protected override void Launch(
        Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, in RouterChoice choice)
    {
        LaunchCheck.That(
            ((residual.Address | delta.Address | norm.Address | kept.Address | normed.Address) & 15) == 0, "normed_router", "rows at multiples of 16 bytes");
        Tensor matrix = choice.Weight.Rows(0, choice.Weight.Outputs);
        int scale = choice.Renormalise ? 1 : 0, inPlace = !kept.IsEmpty && kept.Address == residual.Address ? 1 : 0, groups = (int)residual.Shape[0] * ClusterGroups;
        if (choice.Count <= FewExperts)
        {
            RouterRowsFewLauncher.Launch(
                stream, residual, delta, norm, kept, normed, faults, matrix, choice.Logits, choice.Experts, choice.Weights, epsilon, place, choice.Count, scale, inPlace, groups);
        }
        else
        {
            RouterRowsManyLauncher.Launch(
                stream, residual, delta, norm, kept, normed, faults, matrix, choice.Logits, choice.Experts, choice.Weights, epsilon, place, choice.Count, scale, inPlace, groups);
        }
    }
}
