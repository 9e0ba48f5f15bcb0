using System.Runtime.InteropServices;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>
/// Ops of <see cref="TermOps"/> whose products and experts also leave the sums of several generated rows alone, and experts those of a prompt's rows alone, to the norm behind them, as on Hopper: a part is
/// the whole and the others are zeros, so that no bit changes, they lie where they do there, and the room for sums is NaN.
/// </summary>
internal static class SumOps
{
    /// <summary>The norm.</summary>
    internal sealed class Norm(AddRmsNorm right) : SummedNorm
    {
        /// <summary>Norms of slices, and of what experts gave, as rows and as terms, of generated rows and a prompt's.</summary>
        public (int Slices, int Parts, int Terms, int Prompts) Runs { get; private set; }

        public override bool Takes(long width) => true;

        private protected override void Launch(Tensor residual, Tensor slices, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
        {
            using var memory = new HostBuffer(residual.Bytes);
            Tensor sum = memory.View(DType.F32, residual.Shape);
            Add(slices.Rows(0, sum.Shape[0]), slices.Rows(sum.Shape[0], sum.Shape[0]), sum);
            right.Run(residual, sum, weight, epsilon, output, faults, place);
            Runs = Runs with { Slices = Runs.Slices + 1 };
        }

        private protected override void Launch(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
        {
            using var memory = new HostBuffer(residual.Bytes);
            Tensor sum = memory.View(DType.F32, residual.Shape);
            Add(parts.Parts, parts.Total, sum);
            right.Run(residual, sum, weight, epsilon, output, faults, place);
            Runs = Runs with { Parts = Runs.Parts + 1 };
        }

        private protected override void LaunchToTerms(Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor pieces, Tensor faults, int place)
        {
            // Groups write while others still read parts: who has both in one place sees it.
            var room = new Tensor(DType.F32, residual.Shape, pieces.Address);
            room.AsSpan<float>().Fill(float.NaN);
            Launch(residual, parts, weight, epsilon, room, faults, place);
            Runs = Runs with { Parts = Runs.Parts - 1, Terms = Runs.Terms + 1 };
        }

        private protected override void LaunchToTerms(
            Tensor residual, in ExpertParts parts, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults, int place)
        {
            LaunchToTerms(residual, parts, weight, epsilon, terms, faults, place);
            Span<float> norm = output.AsSpan<float>();
            norm.Fill(float.NaN);
            if (areRead)
            {
                new Tensor(DType.F32, output.Shape, terms.Address).AsSpan<float>().CopyTo(norm);
            }

            Runs = Runs with { Terms = Runs.Terms - 1, Prompts = Runs.Prompts + 1 };
        }
    }

    /// <summary>Linears.</summary>
    internal sealed class Product(Linear right) : Linear
    {
        // As on a device: what the next op may have.
        private float[] _scratch = [];

        public override bool TakesTerms(LinearWeight weight) => right.TakesTerms(weight);

        public override bool TakesPieces(LinearWeight weight, long rows) => right.TakesPieces(weight, rows);

        public override bool LeavesSlices(LinearWeight weight, long rows) => rows > 1;

        private protected override Tensor LaunchInSlices(Tensor x, Tensor terms, LinearWeight weight)
        {
            var slices = new Shape(2 * x.Shape[0], weight.Outputs);
            _scratch.AsSpan().Fill(float.NaN);
            _scratch = GC.AllocateArray<float>((int)slices.Count, pinned: true);
            var all = new Tensor(DType.F32, slices, Marshal.UnsafeAddrOfPinnedArrayElement(_scratch, 0));
            right.Run(x, weight, all.Rows(0, x.Shape[0]), promptRows: 0, terms);
            all.Rows(x.Shape[0], x.Shape[0]).AsSpan<float>().Clear();
            return all;
        }

        private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows) => right.Run(x, weight, output, promptRows);

        private protected override void Launch(Tensor x, Tensor terms, LinearWeight weight, Tensor output, long promptRows) =>
            right.Run(x, weight, output, promptRows, terms);
    }

    /// <summary>Mixtures of experts.</summary>
    internal sealed class Mixture(ExpertMixture right) : ExpertMixture
    {
        /// <summary>Sums of several rows of one class that were added up here.</summary>
        public int Sums { get; private set; }

        public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) =>
            Aligned(right.ScratchBytes(weights, shared, rows, topK)) + (2 * rows * weights.Hidden * sizeof(float));

        public override bool TakesTerms(ExpertWeights weights, SharedExpert shared) => right.TakesTerms(weights, shared);

        private protected override ExpertParts LaunchInParts(
            Tensor x, Tensor terms, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
        {
            if (x.Shape[0] == 1)
            {
                return base.LaunchInParts(x, terms, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
            }

            nint address = scratch.Address + (nint)Aligned(right.ScratchBytes(weights, shared, x.Shape[0], experts.Shape[1]));
            Tensor parts = new(DType.F32, output.Shape, address), total = new(DType.F32, output.Shape, address + (nint)parts.Bytes);
            right.Run(x, weights, shared, experts, mix, gateLogit, scratch, parts, promptRows, terms);
            total.AsSpan<float>().Clear();
            output.AsSpan<float>().Fill(float.NaN);
            return new ExpertParts(experts, mix, parts, total, gateLogit);
        }

        private protected override void LaunchSum(in ExpertParts parts, Tensor output)
        {
            Add(parts.Parts, parts.Total, output);
            Sums++;
        }

        private protected override void Launch(
            Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows) =>
            Launch(x, terms: default, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);

        private protected override void Launch(
            Tensor x, Tensor terms, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
        {
            right.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows, terms);
            Sums += (promptRows == 0 || promptRows == x.Shape[0]) && x.Shape[0] > 1 ? 1 : 0;
        }

        private static long Aligned(long bytes) => (bytes + 63) / 64 * 64;
    }

    private static void Add(Tensor one, Tensor other, Tensor sum)
    {
        ReadOnlySpan<float> a = one.AsSpan<float>(), b = other.AsSpan<float>();
        Span<float> to = sum.AsSpan<float>();
        for (int i = 0; i < to.Length; i++)
        {
            to[i] = a[i] + b[i];
        }
    }
}
