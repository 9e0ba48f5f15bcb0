using Lean.Comm;

namespace Lean.Engine.Ranks;

/// <summary>Where the ranks of a process, a thread each, ask whether something holds on any of them. They wait for each other, not for their devices.</summary>
/// <param name="ranks">How many they are.</param>
internal sealed class RankAgreement(int ranks)
{
    private readonly object _gate = new();
    private int _asking;
    private int _round;
    private bool _any;
    private bool _answer;
    private bool _hasEnded;

    /// <summary>Where each replica's ranks ask: those of all replicas together where these share collectives.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="locals">Ranks of this process.</param>
    /// <param name="form">What steps' collectives depend on beside sizes.</param>
    public static RankAgreement[] ByReplica(ParallelLayout layout, int locals, StepForm form)
    {
        var all = new RankAgreement(locals);
        return [.. Enumerable.Range(0, layout.Data).Select(_ => layout.Data == 1 || form.JoinsReplicas(layout) ? all : new RankAgreement(layout.Tensor))];
    }

    /// <summary>Asks; all ranks do so together.</summary>
    /// <param name="mine">Whether it holds on the caller's.</param>
    /// <param name="any">Whether it holds on any.</param>
    /// <returns>False where a rank will not come any more.</returns>
    public bool TryAnyOf(bool mine, out bool any)
    {
        lock (_gate)
        {
            int round = _round;
            _any |= mine;
            if (++_asking == ranks)
            {
                (_answer, _any, _asking, _round) = (_any, false, 0, round + 1);
                Monitor.PulseAll(_gate);
            }

            while (_round == round && !_hasEnded)
            {
                Monitor.Wait(_gate);
            }

            // Nobody asks again before all have their answer.
            any = _answer;
            return !_hasEnded;
        }
    }

    /// <summary>Lets nobody wait any more: a rank failed.</summary>
    public void End()
    {
        lock (_gate)
        {
            _hasEnded = true;
            Monitor.PulseAll(_gate);
        }
    }
}
