using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>Ops that norm up to two rows together with what follows, as on cards, by the ops one by one.</summary>
internal static class NormedOps
{
    private const long MostRows = 2;

    private static void Norm(AddRmsNorm right, Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place)
    {
        residual.AsSpan<float>().CopyTo(kept.AsSpan<float>());
        right.Run(kept, delta, norm, epsilon, normed, faults, place);
    }

    /// <summary>A norm and a product.</summary>
    internal sealed class Product(AddRmsNorm right, Linear linear) : NormedLinear
    {
        public override bool Takes(long rows, long promptRows, LinearWeight weight) => rows is > 0 and <= MostRows && promptRows == 0;

        private protected override void Launch(
            Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, LinearWeight weight, Tensor output)
        {
            using var memory = new HostBuffer(kept.Bytes);
            Tensor rows = normed.IsEmpty ? memory.View(DType.F32, kept.Shape) : normed;
            Norm(right, residual, delta, norm, epsilon, kept, rows, faults, place);
            linear.Run(rows, weight, output, promptRows: 0);
        }
    }

    /// <summary>A norm, a router and its choice, or the two without a norm.</summary>
    internal sealed class Router(AddRmsNorm right, Linear linear, ExpertRouter router) : NormedRouter
    {
        /// <summary>Calls with a norm, and those without.</summary>
        public (int Normed, int Plain) Runs { get; private set; }

        public override bool Takes(long rows, long promptRows, LinearWeight weight, long experts, long topK) => rows is > 0 and <= MostRows && promptRows == 0;

        private protected override void Launch(
            Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, in RouterChoice choice)
        {
            Runs = norm.IsEmpty ? (Runs.Normed, Runs.Plain + 1) : (Runs.Normed + 1, Runs.Plain);
            if (!norm.IsEmpty)
            {
                Norm(right, residual, delta, norm, epsilon, kept, normed, faults, place);
            }

            linear.Run(norm.IsEmpty ? residual : normed, choice.Weight, choice.Logits, promptRows: 0);
            router.Run(choice.Logits.Columns(0, choice.Count), choice.Renormalise, choice.Experts, choice.Weights);
        }
    }
}
