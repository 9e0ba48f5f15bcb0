using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>Ops that norm few rows together with what follows, as on cards, by the ops one by one: a router takes more of them than a product.</summary>
internal static class NormedOps
{
    private const long MostMultiplied = 2, MostRouted = 3;

    private static void Norm(AddRmsNorm right, Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place)
    {
        residual.AsSpan<float>().CopyTo(kept.AsSpan<float>());
        right.Run(kept, delta, norm, epsilon, normed, faults, place);
    }

    /// <summary>A norm and a product.</summary>
    internal sealed class Product(AddRmsNorm right, Linear linear) : NormedLinear
    {
        public override bool Takes(long rows, long promptRows, LinearWeight weight) => rows is > 0 and <= MostMultiplied && promptRows == 0;

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
        /// <summary>Calls with a norm, those whose sum goes where the residual is among them, and those without.</summary>
        public (int Normed, int InPlace, int Plain) Runs { get; private set; }

        public override bool Takes(long rows, long promptRows, LinearWeight weight, long experts, long topK) => rows is > 0 and <= MostRouted && promptRows == 0;

        private protected override void Launch(
            Tensor residual, Tensor delta, Tensor norm, float epsilon, Tensor kept, Tensor normed, Tensor faults, int place, in RouterChoice choice)
        {
            if (norm.IsEmpty)
            {
                Runs = Runs with { Plain = Runs.Plain + 1 };
            }
            else
            {
                Runs = Runs with { Normed = Runs.Normed + 1, InPlace = Runs.InPlace + (kept.Address == residual.Address ? 1 : 0) };
                Norm(right, residual, delta, norm, epsilon, kept, normed, faults, place);
            }

            linear.Run(norm.IsEmpty ? residual : normed, choice.Weight, choice.Logits, promptRows: 0);
            router.Run(choice.Logits.Columns(0, choice.Count), choice.Renormalise, choice.Experts, choice.Weights);
        }
    }
}
