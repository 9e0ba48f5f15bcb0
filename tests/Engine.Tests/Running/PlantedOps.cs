using System.Runtime.InteropServices;
using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>The CPU's ops with one of the faults that other engines' drafts had, to see that tests notice it.</summary>
internal static class PlantedOps
{
    /// <summary>Faults of models that draft.</summary>
    internal enum Plant
    {
        /// <summary>None.</summary>
        Nothing,

        /// <summary>Rows get each other's logits now and then, as by a sort that is not stable.</summary>
        RowsSwapped,

        /// <summary>The convolution goes on from the last draft, refused or not.</summary>
        HistoryOfLastDraft,

        /// <summary>Rows that verify drafts have their β rounded to bf16.</summary>
        RoundedBeta,

        /// <summary>The MTP head gets the model's state from before its final norm.</summary>
        StateBeforeNorm,

        /// <summary>No fault: a prompt's rows come to products as terms, see <see cref="TermOps"/>.</summary>
        Terms,

        /// <summary>No fault: norms of few rows run with what follows them, see <see cref="NormedOps"/>.</summary>
        Norms,

        /// <summary>No fault: terms, and sums of generated rows that are left to norms, see <see cref="SumOps"/>.</summary>
        Sums,

        /// <summary>No fault: the rows that attention and dense MLPs get are counted.</summary>
        Counts,

        /// <summary>No fault: as with <see cref="Counts"/>, and some of a weight's outputs alone would be summed in another order than all.</summary>
        Whole,

        /// <summary>A row that pads the step writes its key and value to slot 0 of the cache.</summary>
        PaddingRowWithSlot,
    }

    /// <summary>Makes the ops.</summary>
    /// <param name="plant">The fault.</param>
    /// <param name="config">The model that they are for.</param>
    internal static KernelSet With(Plant plant, ModelConfig config)
    {
        KernelSet right = CpuKernels.Create(CpuBackends.Open());
        CausalConvolution convolution = plant == Plant.HistoryOfLastDraft ? new OldHistory(right.CausalConvolution) : right.CausalConvolution;
        GatedDeltaRule rule = plant == Plant.RoundedBeta ? new RoundedBeta(right.GeneratedDeltaRule) : right.GeneratedDeltaRule;
        bool terms = plant is Plant.Terms or Plant.Sums, counts = plant is Plant.Counts or Plant.Whole;
        Linear linear = terms ? new TermOps.Product(right.Linear) : plant == Plant.Whole ? new WholeProduct(right.Linear) : right.Linear;
        ExpertMixture mixture = terms ? new TermOps.Mixture(right.ExpertMixture) : right.ExpertMixture;
        return new KernelSet
        {
            Description = $"cpu, planted: {plant}",
            Embedding = right.Embedding,
            GatherRows = plant == Plant.RowsSwapped ? new SwappedRows(right.GatherRows) : right.GatherRows,
            AddRmsNorm = plant == Plant.StateBeforeNorm ? new StateBeforeNorm(right.AddRmsNorm, config) : right.AddRmsNorm,
            NormedTerms = terms ? new TermOps.Norm(right.AddRmsNorm) : null,
            SummedNorm = plant == Plant.Sums ? new SumOps.Norm(right.AddRmsNorm) : null,
            NormedLinear = plant == Plant.Norms ? new NormedOps.Product(right.AddRmsNorm, right.Linear) : null,
            NormedGateLinear = plant == Plant.Norms ? new NormedOps.Product(right.AddRmsNorm, right.Linear) : null,
            NormedRouter = plant == Plant.Norms ? new NormedOps.Router(right.AddRmsNorm, right.Linear, right.ExpertRouter) : null,
            PartSum = right.PartSum,
            GatedRmsNorm = terms ? new TermOps.GatedNorm(right.GatedRmsNorm) : right.GatedRmsNorm,
            Linear = plant == Plant.Sums ? new SumOps.Product(linear) : linear,
            GateLinear = plant == Plant.Sums ? new TermOps.Product(right.GateLinear) : right.GateLinear,
            RotaryTable = right.RotaryTable,
            PrepareAttention = plant == Plant.PaddingRowWithSlot ? new PaddedAttention(right.PrepareAttention) : right.PrepareAttention,
            PagedAttention = terms ? new TermOps.Attention(right.PagedAttention) : counts ? new CountedAttention(right.PagedAttention) : right.PagedAttention,
            CausalConvolution = convolution,
            PromptDeltaRule = right.PromptDeltaRule,
            GeneratedDeltaRule = rule,
            GeneratedDeltaNet = terms ? new TermOps.DeltaNet(right.GeneratedDeltaNet) : new GeneratedDeltaNetInThree(convolution, rule, right.GatedRmsNorm),
            ExpertRouter = right.ExpertRouter,
            GroupedExperts = right.GroupedExperts,
            GatedMlp = terms ? new TermOps.Mlp(right.GatedMlp) : counts ? new CountedMlp(right.GatedMlp) : right.GatedMlp,
            ExpertMixture = plant == Plant.Sums ? new SumOps.Mixture(mixture) : mixture,
            GreedyPick = right.GreedyPick,
            RankPicks = right.RankPicks,
            AdjustLogits = right.AdjustLogits,
            MaskLogits = right.MaskLogits,
            SampleTokens = right.SampleTokens,
            TokenShares = right.TokenShares,
            LogProbabilities = right.LogProbabilities,
            TopLogProbabilities = right.TopLogProbabilities,
            StepRows = right.StepRows,
        };
    }

    /// <summary>Notes of each call how many rows it had.</summary>
    internal sealed class CountedMlp(GatedMlp right) : GatedMlp
    {
        /// <summary>The rows, call by call.</summary>
        public List<long> Rows { get; } = [];

        private protected override void Launch(
            Tensor x, LinearWeight gateUp, LinearWeight down, Tensor gateLogit, Tensor add, Tensor scratch, Tensor output, long promptRows)
        {
            Rows.Add(x.Shape[0]);
            right.Run(x, gateUp, down, gateLogit, add, scratch, output, promptRows);
        }
    }

    /// <summary>The same of attention.</summary>
    internal sealed class CountedAttention(PagedAttention right) : PagedAttention
    {
        /// <summary>The rows, call by call.</summary>
        public List<long> Rows { get; } = [];

        private protected override void Launch(
            AttentionShape shape, Tensor queries, Tensor projected, Tensor keys, Tensor values, Tensor segments, Tensor blocks, Tensor output, Tensor pieces,
            long promptRows)
        {
            Rows.Add(queries.Shape[0]);
            right.Run(shape, queries, projected, keys, values, segments, blocks, output, promptRows);
        }
    }

    private sealed class WholeProduct(Linear right) : Linear
    {
        public override bool SumsAlike(LinearWeight weight, LinearWeight some) => false;

        private protected override void Launch(Tensor x, LinearWeight weight, Tensor output, long promptRows) => right.Run(x, weight, output, promptRows);
    }

    private sealed class SwappedRows(GatherRows right) : GatherRows
    {
        private int _calls;

        private protected override void Launch(Tensor x, Tensor rows, Tensor output)
        {
            right.Run(x, rows, output);
            if (output.Shape[0] > 1 && ++_calls % 3 == 0)
            {
                float[] first = output.Slice(0).AsSpan<float>().ToArray();
                output.Slice(1).AsSpan<float>().CopyTo(output.Slice(0).AsSpan<float>());
                first.CopyTo(output.Slice(1).AsSpan<float>());
            }
        }
    }

    private sealed class OldHistory(CausalConvolution right) : CausalConvolution
    {
        private protected override void Launch(Tensor x, Tensor weight, Tensor history, Tensor segments, Tensor output)
        {
            right.Run(x, weight, history, segments, output);
            for (long s = 0; s < segments.Shape[0] && Segments.AreVersioned(segments); s++)
            {
                ReadOnlySpan<int> segment = segments.Slice(s).AsSpan<int>();
                int slot = segment[Segments.Slot], last = (segment[Segments.Rows] - 1) * segment[Segments.Pitch];
                for (int version = 0; version < last; version += segment[Segments.Pitch])
                {
                    history.Slice(slot + last).AsSpan<float>().CopyTo(history.Slice(slot + version).AsSpan<float>());
                }
            }
        }
    }

    private sealed class RoundedBeta(GatedDeltaRule right) : GatedDeltaRule
    {
        private protected override bool KeepsVersions => true;

        private protected override void Launch(
            DeltaRuleShape shape, Tensor convolved, Tensor b, Tensor a, Tensor decay, Tensor timeBias, Tensor state, Tensor segments, Tensor output, long segmentRows)
        {
            using HostBuffer memory = HostBuffer.For(DType.F32, b.Shape);
            Tensor rounded = memory.View(DType.F32, b.Shape);
            for (long row = 0; row < b.Shape[0]; row++)
            {
                b.Slice(row).AsSpan<float>().CopyTo(rounded.Slice(row).AsSpan<float>());
            }

            for (long s = 0; s < segments.Shape[0]; s++)
            {
                ReadOnlySpan<int> segment = segments.Slice(s).AsSpan<int>();
                for (int row = segment[Segments.FirstRow]; row < segment[Segments.FirstRow] + segment[Segments.Rows] && segment[Segments.Rows] > 1; row++)
                {
                    foreach (ref float logit in rounded.Slice(row).AsSpan<float>())
                    {
                        int bits = BitConverter.SingleToInt32Bits((float)(1 / (1 + Math.Exp(-logit))));
                        double beta = BitConverter.Int32BitsToSingle((bits + 0x8000) & ~0xFFFF);
                        logit = (float)Math.Log(beta / (1 - beta));
                    }
                }
            }

            right.Run(shape, convolved, rounded, a, decay, timeBias, state, segments, output);
        }
    }

    // Remembers what each of the model's final states was before its norm, and gives that to whoever norms one of them again.
    private sealed class StateBeforeNorm(AddRmsNorm right, ModelConfig config) : AddRmsNorm
    {
        private readonly Dictionary<string, float[]> _before = [];

        private protected override void Launch(Tensor residual, Tensor delta, Tensor weight, float epsilon, Tensor output, Tensor faults, int place)
        {
            using HostBuffer memory = HostBuffer.For(DType.F32, residual.Shape);
            Tensor given = memory.View(DType.F32, residual.Shape);
            for (long row = 0; row < residual.Shape[0] && delta.IsEmpty && faults.IsEmpty; row++)
            {
                ReadOnlySpan<float> own = residual.Slice(row).AsSpan<float>();
                (_before.TryGetValue(Key(own), out float[]? before) ? before : own).CopyTo(given.Slice(row).AsSpan<float>());
            }

            right.Run(delta.IsEmpty && faults.IsEmpty ? given : residual, delta, weight, epsilon, output, faults, place);
            for (long row = 0; row < residual.Shape[0] && !faults.IsEmpty && place == FaultPlace.BeforeMixer(config.Layers); row++)
            {
                _before[Key(output.Slice(row).AsSpan<float>())] = residual.Slice(row).AsSpan<float>().ToArray();
            }
        }

        private static string Key(ReadOnlySpan<float> row) => Convert.ToBase64String(MemoryMarshal.AsBytes(row));
    }

    private sealed class PaddedAttention(PrepareAttention right) : PrepareAttention
    {
        public override DType CacheType => right.CacheType;

        private protected override void Launch(
            AttentionShape shape, Tensor projected, Tensor queryNorm, Tensor keyNorm, float epsilon, Tensor rotary, Tensor slots, Tensor keys, Tensor values, Tensor queries)
        {
            right.Run(shape, projected, queryNorm, keyNorm, epsilon, rotary, slots, keys, values, queries);
            long last = projected.Shape[0] - 1;
            using HostBuffer zero = HostBuffer.For(DType.I32, new Shape(1)), unused = HostBuffer.For(DType.F32, new Shape(1, queries.Shape[1]));
            Tensor slot = zero.View(DType.I32, new Shape(1));
            slot.AsSpan<int>().Clear();
            right.Run(
                shape, projected.Rows(last, 1), queryNorm, keyNorm, epsilon, rotary.Rows(last, 1), slot, keys, values, unused.View(DType.F32, new Shape(1, queries.Shape[1])));
        }
    }
}
