using System.Runtime.Intrinsics;
using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>Gated RMSNorm on the CPU: an item is a row of heads.</summary>
internal sealed unsafe class GatedRmsNormCpu(CpuBackend backend) : GatedRmsNorm
{
    private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output)
    {
        var arguments = GatedRmsNormArguments.For(x, z, weight, epsilon, output);
        backend.Run(CpuKernel.GatedRmsNorm, &arguments, (int)x.Shape[0], GatedRmsNormArguments.Work(arguments.Width));
    }
}

/// <summary>What <see cref="GatedRmsNormBody"/> reads.</summary>
internal unsafe struct GatedRmsNormArguments
{
    public float* X;
    public float* Z;
    public long ZStride;
    public float* Weight;
    public float Epsilon;
    public long Width;
    public int HeadDim;
    public float* Output;

    /// <summary>Multiply-adds that take as long as so many values.</summary>
    public static long Work(long width) => 8 * width;

    public static GatedRmsNormArguments For(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output) => new()
    {
        X = (float*)x.Address,
        Z = (float*)z.Address,
        ZStride = z.RowStride,
        Weight = (float*)weight.Address,
        Epsilon = epsilon,
        Width = x.Shape[1],
        HeadDim = (int)weight.Shape[0],
        Output = (float*)output.Address,
    };
}

/// <summary>The body of <see cref="GatedRmsNormCpu"/>.</summary>
internal static unsafe class GatedRmsNormBody
{
    public static void Run(GatedRmsNormArguments* a, int begin, int end)
    {
        for (long t = begin; t < end; t++)
        {
            Heads(a, t, 0, a->Width);
        }
    }

    /// <summary>Whole heads of a row.</summary>
    public static void Heads(GatedRmsNormArguments* a, long row, long first, long last)
    {
        for (long c = first; c < last; c += a->HeadDim)
        {
            Head(a, a->X + (row * a->Width) + c, a->Z + (row * a->ZStride) + c, a->Output + (row * a->Width) + c);
        }
    }

    private static void Head(GatedRmsNormArguments* a, float* x, float* z, float* y)
    {
        Vector512<double> scale = Vector512.Create(RowNorm.Scale(x, a->HeadDim, a->Epsilon));
        for (int i = 0; i < a->HeadDim; i += Wide.Lanes)
        {
            int count = int.Min(Wide.Lanes, a->HeadDim - i);
            Vector512<double> normed = Wide.Load(x + i, count) * scale * Wide.Load(a->Weight + i, count);
            Wide.Store(y + i, normed * Wide.Silu(Wide.Load(z + i, count)), count);
        }
    }
}
