using Lean.Tensors;

namespace Lean.Kernels;

/// <summary>
/// Routed experts on a device, for each class of rows in four launches: sort by expert, gate and up with silu, down, and
/// the sum over ranks; on matrix units prompt rows' terms are made before (by warp groups with a plan besides, see
/// <see cref="PromptExperts"/>), few generated rows take two launches, and on Hopper more take three, without a sort
/// (<see cref="ManyExpertRows"/>). The classes follow each other, so they share the scratch memory.
/// </summary>
internal sealed class GroupedExpertsDevice(KernelStream stream, DType activations) : GroupedExperts
{
    // PromptTiles.Rows and those of EightRowTilesByExpert in Kernels/Device.
    private const int PromptTileRows = 64;
    private const int EightTileRows = 8;

    private readonly RowUnits _rowUnits = new(stream, activations == DType.BF16);
    private readonly FewExpertRows _few = new(stream, activations == DType.BF16);
    private readonly LinearMatrixUnits _units = new(stream, activations == DType.BF16);
    private readonly PromptExperts _prompt = new(stream, activations == DType.BF16);
    private readonly ManyExpertRows _many = new(stream, activations == DType.BF16);

    public override long ScratchBytes(ExpertWeights weights, long rows, long topK)
    {
        // Few rows have more slots as prompts' (one per expert at least), many as generated ones (one per entry).
        long free = 0;
        _ = new ExpertScratch(ref free, _units, weights, rows, topK, long.Max(PromptSlots(weights, rows * topK), rows * topK));
        return free;
    }

    /// <summary>
    /// Runs generated rows through all experts of the model, and adds sigmoid(g) · total of the shared one, which a branch of the stream
    /// computes and which is joined here.
    /// </summary>
    /// <param name="x">f32 [T, H], T at least 1.</param>
    /// <param name="weights">The experts.</param>
    /// <param name="experts">i32 [T, K].</param>
    /// <param name="mix">f32 [T, K].</param>
    /// <param name="total">f32 [T, H]: what the shared expert gives.</param>
    /// <param name="gateLogit">f32 [T, 1], rows may be strided.</param>
    /// <param name="scratch">As in <see cref="GroupedExperts.Run"/>.</param>
    /// <param name="output">f32 [T, H].</param>
    public void RunBeside(
        Tensor x, ExpertWeights weights, Tensor experts, Tensor mix, Tensor total, Tensor gateLogit, Tensor scratch, Tensor output)
    {
        (Tensor gates, Tensor ups, Tensor downs) = Stacked(weights);
        ExpertScratch buffers = Parts(x, weights, gates, ups, downs, experts, scratch);
        stream.JoinBranch();
        ExpertsCombineSharedLauncher.Launch(stream, buffers.Places(experts.Shape[1]), mix, buffers.Parts, total, gateLogit, output);
    }

    private protected override void Launch(
        Tensor x, ExpertWeights weights, Tensor experts, Tensor mix, Tensor scratch, Tensor output, long promptRows)
    {
        if (weights.Count == 0)
        {
            // The sum of nothing, by a kernel: memory that the host shares for checks can only be written by one.
            Shape nothing = new(x.Shape[0], 0);
            ExpertsCombineLauncher.Launch(
                stream, new Tensor(DType.I32, nothing, scratch.Address), new Tensor(DType.F32, nothing, scratch.Address),
                new Tensor(DType.F32, new Shape(0, weights.Hidden), scratch.Address), output);
            return;
        }

        (Tensor gates, Tensor ups, Tensor downs) = Stacked(weights);
        long topK = experts.Shape[1], generated = x.Shape[0] - promptRows;
        if (promptRows > 0)
        {
            Tensor chosen = experts.Rows(0, promptRows);
            Tensor mine = x.Rows(0, promptRows), shares = mix.Rows(0, promptRows), sums = output.Rows(0, promptRows);
            if (!_prompt.TryRun(mine, terms: default, weights, null, chosen, shares, default, scratch.Address, sums))
            {
                long free = scratch.Address;
                var buffers = new ExpertScratch(ref free, _units, weights, promptRows, topK, PromptSlots(weights, promptRows * topK));
                ExpertsSortPromptLauncher.Launch(stream, chosen, buffers.Places(topK), buffers.Rows, buffers.Tiles, buffers.Counts, weights.First);
                Prompt(mine, weights, gates, ups, downs, buffers);
                ExpertsCombineLauncher.Launch(stream, buffers.Places(topK), shares, buffers.Parts, sums);
            }
        }

        if (generated > 0)
        {
            Tensor chosen = experts.Rows(promptRows, generated);
            Tensor mine = x.Rows(promptRows, generated), shares = mix.Rows(promptRows, generated), sums = output.Rows(promptRows, generated);
            if (!_few.TryRun(mine, weights, null, chosen, shares, default, scratch.Address, sums)
                && !_many.TryRun(mine, weights, null, chosen, shares, default, scratch.Address, sums))
            {
                ExpertScratch buffers = Parts(mine, weights, gates, ups, downs, chosen, scratch);
                ExpertsCombineLauncher.Launch(stream, buffers.Places(topK), shares, buffers.Parts, sums);
            }
        }
    }

    private (Tensor Gates, Tensor Ups, Tensor Downs) Stacked(ExpertWeights weights) =>
        weights.TryStack(out Tensor gates, out Tensor ups, out Tensor downs)
            ? (gates, ups, downs)
            : throw new LaunchException($"grouped_experts: the experts lie anywhere, expected them at equal distances in one buffer on {stream.DeviceName}");

    // What each generated row's experts give, before they are added up.
    private ExpertScratch Parts(Tensor x, ExpertWeights weights, Tensor gates, Tensor ups, Tensor downs, Tensor chosen, Tensor scratch)
    {
        long free = scratch.Address, rows = x.Shape[0], topK = chosen.Shape[1];
        var buffers = new ExpertScratch(ref free, _units, weights, rows, topK, rows * topK);
        if (_rowUnits.Takes(x, gates) && _rowUnits.Takes(x, ups) && _rowUnits.Takes(buffers.Inner, downs) && weights.Hidden % 8 == 0 && weights.Width % 8 == 0)
        {
            // Many rows need fewer tiles where they are counted by expert; each tile without rows costs its groups.
            Tensor tiles = buffers.Tiles;
            long slots = EightSlots(weights, rows * topK);
            if (slots < rows * topK)
            {
                tiles = tiles.Rows(0, slots);
                ExpertsSortEightByExpertLauncher.Launch(stream, chosen, buffers.Places(topK), buffers.Rows, tiles, buffers.Counts, weights.First);
            }
            else
            {
                ExpertsSortEightLauncher.Launch(stream, chosen, buffers.Places(topK), buffers.Rows, tiles, buffers.Counts, weights.First);
            }

            _rowUnits.ExpertGateUp(x, buffers.Inner, buffers.Rows, tiles, gates, ups);
            _rowUnits.ExpertDown(buffers.Inner, buffers.Parts, tiles, downs);
        }
        else
        {
            ExpertsSortGeneratedLauncher.Launch(stream, chosen, buffers.Places(topK), buffers.Rows, buffers.Tiles, buffers.Counts, weights.First);
            Generated(x, gates, ups, downs, buffers);
        }

        return buffers;
    }

    private void Prompt(Tensor x, ExpertWeights weights, Tensor gates, Tensor ups, Tensor downs, in ExpertScratch buffers)
    {
        long hidden = weights.Hidden, width = weights.Width;
        if (_units.Takes(gates, hidden) && _units.Takes(ups, hidden) && _units.Takes(downs, width))
        {
            _units.Split(x, buffers.Terms);
            Tensor pairs = LinearMatrixUnits.Pairs(buffers.InnerTerms);
            if (activations == DType.BF16)
            {
                ExpertGateUpWarpRoundedLauncher.Launch(stream, buffers.Terms, pairs, buffers.Rows, buffers.Tiles, gates, ups, (int)hidden, (int)width);
                ExpertDownWarpRoundedLauncher.Launch(stream, buffers.InnerTerms, buffers.Parts, buffers.Tiles, downs, (int)width);
            }
            else
            {
                ExpertGateUpWarpLauncher.Launch(stream, buffers.Terms, pairs, buffers.Rows, buffers.Tiles, gates, ups, (int)hidden, (int)width);
                ExpertDownWarpLauncher.Launch(stream, buffers.InnerTerms, buffers.Parts, buffers.Tiles, downs, (int)width);
            }
        }
        else if (gates.Type == DType.BF16)
        {
            ExpertsGateUpPromptBf16Launcher.Launch(stream, Inputs(x), buffers.Inner, buffers.Rows, buffers.Tiles, gates, ups);
            RoundInner(buffers);
            ExpertsDownPromptBf16Launcher.Launch(stream, buffers.Inner, buffers.Parts, buffers.Tiles, downs);
        }
        else
        {
            ExpertsGateUpPromptF32Launcher.Launch(stream, x, buffers.Inner, buffers.Rows, buffers.Tiles, gates, ups);
            ExpertsDownPromptF32Launcher.Launch(stream, buffers.Inner, buffers.Parts, buffers.Tiles, downs);
        }
    }

    private void Generated(Tensor x, Tensor gates, Tensor ups, Tensor downs, in ExpertScratch buffers)
    {
        if (gates.Type == DType.BF16)
        {
            ExpertsGateUpGeneratedBf16Launcher.Launch(stream, Inputs(x), buffers.Inner, buffers.Rows, buffers.Tiles, gates, ups);
            RoundInner(buffers);
            ExpertsDownGeneratedBf16Launcher.Launch(stream, buffers.Inner, buffers.Parts, buffers.Tiles, downs);
        }
        else
        {
            ExpertsGateUpGeneratedF32Launcher.Launch(stream, x, buffers.Inner, buffers.Rows, buffers.Tiles, gates, ups);
            ExpertsDownGeneratedF32Launcher.Launch(stream, buffers.Inner, buffers.Parts, buffers.Tiles, downs);
        }
    }

    // What kernels of bf16 weights take that do not round themselves, here and below.
    private Tensor Inputs(in Tensor x) => activations == DType.BF16 ? RoundedActivations.Rows(stream, x) : x;

    private void RoundInner(in ExpertScratch buffers)
    {
        if (activations == DType.BF16)
        {
            RoundRowsLauncher.Launch(stream, buffers.Inner, buffers.Inner);
        }
    }

    private static long EightSlots(ExpertWeights weights, long entries) => (entries / EightTileRows) + weights.Count;

    private static long PromptSlots(ExpertWeights weights, long entries) => (entries / PromptTileRows) + weights.Count;
}
