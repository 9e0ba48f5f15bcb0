namespace Lean.Comm;

/// <summary>What a rank shares with the others beside the data, be they threads or processes.</summary>
internal interface ICclPeers
{
    /// <summary>The first fault's sentence, here or elsewhere; null where there was none.</summary>
    string? Fault { get; }

    /// <summary>Makes all ranks' calls throw, and ends what waits on their devices.</summary>
    void Abort(string reason);

    /// <summary>Called before a rank comes to a collective: tests delay it here.</summary>
    void Approach(int rank);

    /// <summary>Leaves a rank's plan for the others to compare; waits for nobody.</summary>
    /// <returns>What is wrong, or null where nothing is, as far as is known now.</returns>
    string? Compare(int rank, long step, CollectivePlan plan);
}
