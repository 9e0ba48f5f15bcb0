using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Engine.Scheduling;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Hands what a step has computed to whom it belongs: tokens and log-probabilities, faults, what the caches keep. Whoever
/// has ended since the step was planned gets nothing of it.
/// </summary>
/// <param name="config">The model.</param>
/// <param name="scheduler">Told how far sequences are.</param>
/// <param name="memory">Told which cells are complete.</param>
/// <param name="sequences">The sequences, by their places in the scheduler; an ended one's place is empty.</param>
/// <param name="depth">Told how drafts did.</param>
/// <param name="end">Ends the sequence at a place.</param>
internal sealed class StepResults(ModelConfig config, Scheduler scheduler, SequenceMemory memory, Sequence?[] sequences, IDraftDepth depth, Action<int, FinishReason> end)
{
    // Chosen where logits are no numbers.
    private const int NoToken = -1;

    /// <summary>How drafts did so far; those count as right whose token somebody got.</summary>
    public DraftStatistics Drafts { get; init; } = new();

    /// <summary>Hands out a step's results.</summary>
    /// <param name="frame">The step.</param>
    /// <param name="chosen">What came of it.</param>
    /// <exception cref="MachineException">The device gave back what no kernel writes.</exception>
    public void Commit(StepFrame frame, in StepOutput chosen)
    {
        ReadOnlySpan<PlannedSegment> segments = frame.Plan.Segments;
        ReadOnlySpan<int> places = chosen.Faults.AsSpan<int>();
        CheckReturned(places, FaultPlace.None, FaultPlace.MtpLogits(config), "a place of the model numbered");
        ReadOnlySpan<int> cached = Numbers(chosen.CacheFaults);
        CheckReturned(Numbers(chosen.OutputFaults), FaultPlace.None, FaultPlace.MtpLogits(config), "a place of the model numbered");
        CheckReturned(cached, FaultPlace.None, FaultPlace.MtpLogits(config), "a place of the model numbered");
        CheckReturned(Numbers(chosen.Tokens), NoToken, config.Vocabulary - 1, "token");
        int output = 0, row = 0, listed = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            PlannedSegment segment = segments[i];
            Sequence sequence = frame.Member(i);
            int outputs = segment.Samples ? 1 + segment.Drafts : 0, before = segment.Rows - outputs;
            int accepted = segment.Drafts == 0 ? 0 : chosen.Accepted.AsSpan<int>()[frame.EntryOf(i)];
            CheckReturned([accepted], 0, segment.Drafts, "a number of drafts,");
            bool isOpen = sequences[segment.Sequence] == sequence, isSameRun = frame.IsSameRun(i);

            // Where drafts were uncertain when it was planned, the first row holds the last token there is by now.
            int first = isOpen && segment is { Class: RowClass.Generated, Samples: true } ? sequence.Tokens.Length - before - 1 : segment.FirstPosition;
            ReadOnlySpan<int> kept = places.Slice(row, segment.Rows - segment.Drafts + accepted);
            bool areFinite = Fault.Of(kept, first, frame.Number) is null && (cached.IsEmpty || !cached.Slice(row, kept.Length).ContainsAnyExcept(FaultPlace.None));
            memory.Commit(frame, i, first + kept.Length, good: isSameRun && areFinite);

            // Whoever has ended since the step was planned has nothing of it.
            if (isOpen)
            {
                scheduler.Commit(segment, accepted, isSameRun);
                // What the last layer adds to rows that choose nothing is read by nobody, whether the step computed it or not.
                if (Fault.Of(kept[..int.Min(before, kept.Length)], first, frame.Number, FaultPlace.Last(config)) is { } fault)
                {
                    End(sequence, fault);
                }
                else if (segment.Samples)
                {
                    Drafts.Pass(segment.Drafts);
                    sequence.Drafts.Pass(segment.Drafts);
                    if (segment.Drafts > 0 && sequence.AdaptsDepth)
                    {
                        depth.Verified(segment.Drafts, accepted);
                    }

                    (sequence.LastAccepted, sequence.Version) = (accepted, isSameRun ? accepted : 0);
                    Take(sequence, chosen, new Choices(kept[before..], first + before, output, accepted, listed), frame.Number);
                    if (isSameRun && sequence is { Finish: FinishReason.None, HostDrafts: { } drafts })
                    {
                        scheduler.Offer(segment.Sequence, Renew(drafts, sequence, chosen.Drafted, segment.Drafting, frame.EntryOf(i)));
                    }
                }
            }

            listed += sequence.Request.Sampling.Alternatives > 0 ? outputs : 0;
            output += outputs;
            row += segment.Rows;
        }
    }

    // The tokens of a row and of the drafts behind it that were right, until one of them ends the sequence.
    private void Take(Sequence sequence, in StepOutput chosen, in Choices choices, int step)
    {
        ReadOnlySpan<int> tokens = chosen.Tokens.AsSpan<int>();
        ReadOnlySpan<float> logProbabilities = chosen.LogProbabilities.AsSpan<float>();
        for (int i = 0; i <= choices.Accepted && sequence.Finish == FinishReason.None; i++)
        {
            int position = choices.FirstPosition + i, token = tokens[choices.Output + i];
            ReadOnlySpan<int> alone = Numbers(chosen.OutputFaults);
            Fault? since = alone.IsEmpty ? null : Fault.Of(alone.Slice(choices.Output + i, 1), position, step);
            if ((Fault.Of(choices.Places.Slice(i, 1), position, step) ?? since) is { } fault)
            {
                End(sequence, fault);
            }
            else if (token == NoToken)
            {
                End(sequence, new Fault(step, position, FaultPlace.Head(config)));
            }
            else
            {
                if (sequence.Request.Sampling.Alternatives > 0)
                {
                    sequence.List(chosen.Listed.Slice(choices.Listed + i).AsSpan<int>(), chosen.ListedValues.Slice(choices.Listed + i).AsSpan<float>());
                }

                if (i > 0)
                {
                    Drafts.Accept(i);
                    sequence.Drafts.Accept(i);
                }

                Accept(sequence, token, logProbabilities[choices.Output + i]);
            }
        }
    }

    // Drafts for the sequence's next step: room is left for the token behind them.
    private int Renew(HostDrafts drafts, Sequence sequence, Tensor drafted, int drafting, int entry)
    {
        Span<int> ofHead = stackalloc int[drafting];
        for (int depth = 0; depth < drafting; depth++)
        {
            ofHead[depth] = drafted.Slice(depth).AsSpan<int>()[entry];
        }

        CheckReturned(ofHead, NoToken, config.Vocabulary - 1, "draft");
        return drafts.Renew(sequence.Tokens, ofHead, sequence.MaxTokens - sequence.Generated - 1, sequence.Sampler);
    }

    private void End(Sequence sequence, Fault fault)
    {
        sequence.Fault = fault;
        end(sequence.Place, FinishReason.Fault);
    }

    private static ReadOnlySpan<int> Numbers(Tensor tensor) => tensor.IsEmpty ? [] : tensor.AsSpan<int>();

    // What no kernel of ours writes must not get into a text, a cache or the next step.
    private static void CheckReturned(ReadOnlySpan<int> values, int first, int last, string what)
    {
        foreach (int value in values)
        {
            if (value < first || value > last)
            {
                throw new MachineException(
                    $"the device gave back {what} {value}, expected {first} to {last}: it does not run its kernels as written; `lean selftest` with the same --device shows which");
            }
        }
    }

    private void Accept(Sequence sequence, int token, float logProbability)
    {
        sequence.Append(token, logProbability);
        sequence.Finish = sequence.Sampler.Ends(token) || sequence.Sampler.IsComplete ? FinishReason.Stop
            : sequence.Generated == sequence.MaxTokens ? FinishReason.Length
            : FinishReason.None;
        sequence.Listener?.Chosen(sequence);
        if (sequence.Finish != FinishReason.None)
        {
            end(sequence.Place, sequence.Finish);
        }
    }

    // What a step gives a sequence: where its rows' faults, first output and lists are, and how many drafts were right.
    private readonly ref struct Choices(ReadOnlySpan<int> places, int firstPosition, int output, int accepted, int listed)
    {
        public readonly ReadOnlySpan<int> Places = places;
        public readonly int FirstPosition = firstPosition;
        public readonly int Output = output;
        public readonly int Accepted = accepted;
        public readonly int Listed = listed;
    }
}
