using Lean.Engine.Running;

namespace Lean.Engine.Bench.Load;

/// <summary>Puts an engine under random load and compares each request with what it gives alone.</summary>
/// <param name="pool">The requests, drawn at random, and what they give alone.</param>
/// <param name="engine">The engine; the caller's thread runs its steps.</param>
/// <param name="random">When what is asked for and cancelled.</param>
internal sealed class LoadRun(LoadPool pool, GenerationEngine engine, Random random)
{
    private const int CancelOneIn = 15;

    private readonly List<Sequence> _open = [];

    /// <summary>Requests that have ended.</summary>
    public long Ended { get; private set; }

    /// <summary>Those of them that were cancelled.</summary>
    public long Cancelled { get; private set; }

    /// <summary>Times that the queue was full.</summary>
    public long TurnedAway { get; private set; }

    /// <summary>Tokens chosen.</summary>
    public long Tokens { get; private set; }

    /// <summary>Of those, how many were drafted; how many of them on the host.</summary>
    public (long All, long OnHost) Accepted { get; private set; }

    /// <summary>The first request that was not as alone, and how; null where there is none.</summary>
    public string? Difference { get; private set; }

    /// <summary>Runs until so many more requests have been asked for, and all have ended.</summary>
    public void Run(int requests)
    {
        while (requests > 0 || _open.Count > 0)
        {
            // Now and then nothing, now and then more than there is room for.
            for (int burst = random.Next(4) == 0 ? 1 + random.Next(12) : 0; burst > 0 && requests > 0; burst--)
            {
                int index = random.Next(pool.Count);
                GenerationRequest request = pool.Request(index) with { Priority = random.Next(8) == 0 ? random.Next(-1, 2) : 0 };
                if (engine.TrySubmit(request, new Check(this, index), out Sequence? sequence))
                {
                    _open.Add(sequence);
                    requests--;
                }
                else
                {
                    TurnedAway++;
                }
            }

            if (_open.Count > 0 && random.Next(CancelOneIn) == 0)
            {
                engine.Cancel(_open[random.Next(_open.Count)]);
            }

            engine.Step();
        }
    }

    private void End(int index, Sequence sequence)
    {
        Difference ??= pool.Difference(index, sequence);
        _open.Remove(sequence);
        Ended++;
        Cancelled += sequence.Finish == FinishReason.Cancelled ? 1 : 0;
        Tokens += sequence.Generated;
        Accepted = (Accepted.All + sequence.Drafts.AllAccepted, Accepted.OnHost + (sequence.HostDrafts is null ? 0 : sequence.Drafts.AllAccepted));
    }

    private sealed class Check(LoadRun run, int index) : ISequenceListener
    {
        public void Chosen(Sequence sequence)
        {
            if (LoadPool.Stops(index, sequence))
            {
                GenerationEngine.StopAtText(sequence);
            }
        }

        public void Ended(Sequence sequence) => run.End(index, sequence);
    }
}
