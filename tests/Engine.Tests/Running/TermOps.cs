using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>
/// Ops that leave a prompt's rows as terms, or several generated ones alone, as on cards, and whose products take them: here the terms are the f32 rows
/// themselves, so that no bit changes, and rows that nobody should read are NaN.
/// </summary>
internal static class TermOps
{
    // Rows as their pieces.
    private static void Leave(Tensor rows, Tensor pieces)
    {
        rows.AsSpan<float>().CopyTo(new Tensor(DType.F32, rows.Shape, pieces.Address).AsSpan<float>());
        rows.AsSpan<float>().Fill(float.NaN);
    }

    // The prompt's rows from their terms, the others as they are.
    private static Tensor Joined(HostBuffer memory, Tensor x, Tensor terms)
    {
        Tensor all = memory.View(DType.F32, x.Shape);
        long prompts = terms.Shape[0];
        new Tensor(DType.F32, new Shape(prompts, x.Shape[1]), terms.Address).AsSpan<float>().CopyTo(all.Rows(0, prompts).AsSpan<float>());
        if (prompts < x.Shape[0])
        {
            x.Rows(prompts, x.Shape[0] - prompts).AsSpan<float>().CopyTo(all.Rows(prompts, x.Shape[0] - prompts).AsSpan<float>());
        }

        return all;
    }

    /// <summary>The norm.</summary>
    internal sealed class Norm(AddRmsNorm right) : NormedTerms
    {
        /// <summary>Norms whose rows were read beside their terms, those whose were not, and those of generated rows.</summary>
        public (int Beside, int Instead, int Generated) Runs { get; private set; }

        public override long Bytes(long rows, long width) => rows * width * sizeof(float);

        public override Tensor Of(Tensor memory, long rows, long width) => new(DType.BF16, new Shape(rows, 2 * width), memory.Address);

        private protected override void Launch(
            Tensor residual, Tensor delta, Tensor rounded, Tensor weight, float epsilon, Tensor output, Tensor terms, bool areRead, Tensor faults, int place)
        {
            right.Run(residual, delta, weight, epsilon, output, faults, place);
            Span<float> prompts = output.Rows(0, terms.Shape[0]).AsSpan<float>();
            prompts.CopyTo(new Tensor(DType.F32, new Shape(terms.Shape[0], output.Shape[1]), terms.Address).AsSpan<float>());
            if (!areRead)
            {
                prompts.Fill(float.NaN);
            }

            Runs = areRead ? Runs with { Beside = Runs.Beside + 1 } : Runs with { Instead = Runs.Instead + 1 };
        }

        public override long PieceBytes(long rows, long width) => Bytes(rows, width);

        public override Tensor Pieces(Tensor memory, long rows, long width) => Of(memory, rows, width);

        private protected override void LaunchGenerated(
            Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor pieces, Tensor faults, int place)
        {
            Launch(residual, delta, rounded: default, weight, epsilon, output, pieces, areRead: false, faults, place);
            Runs = Runs with { Instead = Runs.Instead - 1, Generated = Runs.Generated + 1 };
        }
    }

    /// <summary>The norm of Gated DeltaNet's output.</summary>
    internal sealed class GatedNorm(GatedRmsNorm right) : GatedRmsNorm
    {
        /// <summary>Norms that went to terms.</summary>
        public int Runs { get; private set; }

        public override bool MakesTerms => true;

        private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output) => right.Run(x, z, weight, epsilon, output);

        private protected override void Launch(Tensor x, Tensor z, Tensor weight, float epsilon, Tensor output, Tensor terms, int earlyRows)
        {
            right.Run(x, z, weight, epsilon, output);
            output.AsSpan<float>().CopyTo(new Tensor(DType.F32, output.Shape, terms.Address).AsSpan<float>());
            output.AsSpan<float>().Fill(float.NaN);
            Runs++;
        }
    }

    /// <summary>Gated DeltaNet's generated rows.</summary>
    internal sealed class DeltaNet(GeneratedDeltaNet right) : GeneratedDeltaNet
    {
        /// <summary>Calls whose rows went to pieces.</summary>
        public int Runs { get; private set; }

        public override bool MakesPieces => true;

        private protected override void Launch(
            DeltaRuleShape shape, DeltaNetParameters weights, in DeltaNetInputs inputs, Tensor history, Tensor state, Tensor segments, Tensor convolved,
            Tensor output, Tensor pieces, long promptRows, bool settled)
        {
            right.Run(shape, weights, inputs, history, state, segments, convolved, output, promptRows, settled);
            if (!pieces.IsEmpty)
            {
                Leave(output, pieces);
                Runs++;
            }
        }
    }

    /// <summary>Attention.</summary>
    internal sealed class Attention(PagedAttention right) : PagedAttention
    {
        /// <summary>Calls whose prompts' rows went to terms, and whose generated ones did.</summary>
        public (int Prompts, int Generated) Runs { get; private set; }

        public override DType CacheType => right.CacheType;

        public override bool MakesTerms => true;

        private protected override void Launch(
            AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output, Tensor terms,
            long promptRows)
        {
            right.Run(shape, queries, projected, keys, values, segments, blocks, output, promptRows);
            if (!terms.IsEmpty)
            {
                Leave(promptRows > 0 ? output.Rows(0, promptRows) : output, terms);
                Runs = promptRows > 0 ? Runs with { Prompts = Runs.Prompts + 1 } : Runs with { Generated = Runs.Generated + 1 };
            }
        }
    }

    /// <summary>Linears.</summary>
    internal sealed class Product(Linear right) : Linear
    {
        /// <summary>Products of several generated rows alone that came as they are, so that a card makes their terms in a launch of its own.</summary>
        public int Apart { get; private set; }

        public override bool TakesTerms(LinearWeight weight) => true;

        public override bool TakesPieces(LinearWeight weight, long rows) => rows > 1;

        private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows) => right.Run(x, weight, output, promptRows);

        private protected override void Launch(Tensor x, Tensor terms, LinearWeight weight, Tensor output, long promptRows)
        {
            Apart += terms.IsEmpty && promptRows == 0 && TakesPieces(weight, x.Shape[0]) ? 1 : 0;
            using HostBuffer memory = HostBuffer.For(DType.F32, x.Shape);
            right.Run(terms.IsEmpty ? x : Joined(memory, x, terms), weight, output, promptRows);
        }
    }

    /// <summary>Dense MLPs.</summary>
    internal sealed class Mlp(GatedMlp right) : GatedMlp
    {
        public override bool TakesTerms(LinearWeight gateUp, LinearWeight down) => true;

        private protected override void Launch(
            Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows) =>
            right.Run(x, gateUp, down, gateLogit, add, scratch, output, promptRows);

        private protected override void Launch(
            Tensor x, Tensor terms, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows)
        {
            using HostBuffer memory = HostBuffer.For(DType.F32, x.Shape);
            right.Run(terms.IsEmpty ? x : Joined(memory, x, terms), gateUp, down, gateLogit, add, scratch, output, promptRows);
        }
    }

    /// <summary>Mixtures of experts.</summary>
    internal sealed class Mixture(ExpertMixture right) : ExpertMixture
    {
        public override long ScratchBytes(ExpertWeights weights, SharedExpert shared, long rows, long topK) => right.ScratchBytes(weights, shared, rows, topK);

        public override bool TakesTerms(ExpertWeights weights, SharedExpert shared) => true;

        private protected override void Launch(
            Tensor x, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows) =>
            right.Run(x, weights, shared, experts, mix, gateLogit, scratch, output, promptRows);

        private protected override void Launch(
            Tensor x, Tensor terms, ExpertWeights weights, SharedExpert shared, Tensor experts, Tensor mix, Tensor gateLogit, Tensor scratch, Tensor output, long promptRows)
        {
            using HostBuffer memory = HostBuffer.For(DType.F32, x.Shape);
            right.Run(terms.IsEmpty ? x : Joined(memory, x, terms), weights, shared, experts, mix, gateLogit, scratch, output, promptRows);
        }
    }
}
