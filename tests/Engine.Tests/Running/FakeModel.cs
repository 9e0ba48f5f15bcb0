using Lean.Engine.Caches;
using Lean.Engine.Running;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

/// <summary>
/// A model whose caches hold hashes: a slot that of all rows so far, with their classes, a block those of its positions. A
/// token depends on all of them, so whatever is stale, shared wrongly, left out or of the wrong class gives another one.
/// </summary>
internal sealed class FakeModel : IStepRunner
{
    internal const int Vocabulary = 1000;

    private readonly ulong[] _keys;
    private readonly ulong[] _states;
    private readonly KernelSet _ops = ReferenceKernels.Create();
    private readonly Arena _rows = new();
    private readonly HostBuffer _outcomes;
    private readonly Tensor _outcome;

    internal FakeModel(CachePlan plan, int stepsAhead = 0)
    {
        (_keys, _states, StepsAhead) = (new ulong[plan.Blocks * Grid.Cell], new ulong[plan.Slots + plan.Snapshots], stepsAhead);
        var shape = new Shape(2, plan.Slots);
        _outcomes = HostBuffer.For(DType.I32, shape);
        _outcome = _outcomes.View(DType.I32, shape);
    }

    public int StepsAhead { get; }

    /// <summary>The last step that was submitted.</summary>
    internal int Submitted { get; private set; }

    public void Submit(StepFrame frame)
    {
        Submitted = frame.Number;
        _rows.Begin();
        StepBatch batch = RowPlacement.Place(_ops, frame.Batch, _outcome, Vocabulary, _rows);
        Copy(frame.Cuts.Restores);
        for (int wave = 0; wave < batch.StateWaves; wave++)
        {
            Rows(batch, batch.StatePieces(wave), isPrompt: true);
            Copy(batch.Cuts is { } cuts ? cuts.Copies(wave) : []);
        }

        Rows(batch, batch.Generated, isPrompt: false);
        foreach (StateCuts.Cut end in frame.Cuts.Ends)
        {
            Copy([end.Copy]);
        }

        int outputCount = (int)batch.OutputRows.Shape[0];
        frame.Results.Begin();
        Tensor tokens = Vector(frame.Results.I32(outputCount, 1)), values = Vector(frame.Results.F32(outputCount, 1)), faults = Vector(frame.Results.I32(batch.Rows, 1));
        faults.AsSpan<int>().Clear();
        ReadOnlySpan<int> outputs = batch.OutputRows.AsSpan<int>(), segments = batch.Segments.AsSpan<int>();
        int segment = 0, width = (int)batch.Blocks.Shape[1];
        for (int i = 0; i < outputs.Length; i++)
        {
            while (segments[(segment * Segments.Columns) + Segments.FirstRow] + segments[(segment * Segments.Columns) + Segments.Rows] <= outputs[i])
            {
                segment++;
            }

            ulong sum = 0;
            ReadOnlySpan<int> blocks = batch.Blocks.AsSpan<int>().Slice(segment * width, width);
            for (int p = 0; p <= batch.Positions.AsSpan<int>()[outputs[i]]; p++)
            {
                sum += Mix(_keys[(blocks[p / Grid.Cell] * Grid.Cell) + (p % Grid.Cell)], (ulong)p);
            }

            (tokens.AsSpan<int>()[i], values.AsSpan<float>()[i]) = Choice(sum);
        }

        _ops.StepRows.AcceptDrafts(frame.Batch.Entries, batch.Tokens, tokens, _outcome);
        frame.Output = new StepOutput { Faults = faults, Tokens = tokens, LogProbabilities = values };
    }

    public StepOutput Collect(StepFrame frame) => frame.Output;

    public void Dispose()
    {
        _rows.Dispose();
        _outcomes.Dispose();
    }

    /// <summary>What the model makes of a prompt, computed without any cache.</summary>
    internal static int[] Expected(IReadOnlyList<int> prompt, int tokens)
    {
        ulong state = 0, sum = 0;
        int[] output = new int[tokens];
        for (int p = 0; p < prompt.Count + tokens - 1; p++)
        {
            bool isPrompt = p < prompt.Count;
            state = Next(state, isPrompt ? prompt[p] : output[p - prompt.Count], isPrompt);
            sum += Mix(state, (ulong)p);
            if (p >= prompt.Count - 1)
            {
                output[p - prompt.Count + 1] = Choice(sum).Token;
            }
        }

        return output;
    }

    private static Tensor Vector(Tensor column) => column.Reshape(new Shape(column.Shape[0]));

    private static ulong Next(ulong state, int token, bool isPrompt) => Mix(state, ((ulong)token << 1) | (isPrompt ? 1UL : 0));

    private static (int Token, float Value) Choice(ulong sum) => ((int)(Mix(sum, 77) % Vocabulary), (sum >> 40) / -1000f);

    private static ulong Mix(ulong a, ulong b)
    {
        ulong x = (a + 0x9E3779B97F4A7C15UL) ^ (b * 0xBF58476D1CE4E5B9UL);
        x = (x ^ (x >> 29)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 32);
    }

    private void Rows(in StepBatch batch, Tensor table, bool isPrompt)
    {
        ReadOnlySpan<int> segments = table.AsSpan<int>(), tokens = batch.Tokens.AsSpan<int>(), places = batch.CacheSlots.AsSpan<int>();
        for (int s = 0; s < table.Shape[0]; s++)
        {
            ReadOnlySpan<int> segment = segments.Slice(s * Segments.Columns, Segments.Columns);
            ref ulong state = ref _states[segment[Segments.Slot]];
            state = segment[Segments.FirstPosition] == 0 ? 0 : state;
            for (int row = segment[Segments.FirstRow]; row < segment[Segments.FirstRow] + segment[Segments.Rows]; row++)
            {
                state = Next(state, tokens[row], isPrompt);
                _keys[places[row]] = state;
            }
        }
    }

    private void Copy(ReadOnlySpan<StateCopy> copies)
    {
        foreach (StateCopy copy in copies)
        {
            _states[copy.Target] = _states[copy.Source];
        }
    }
}
