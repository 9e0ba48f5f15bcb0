using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Sampling;

/// <summary>
/// The ranks that hold the other tokens of the vocabulary, in the order of the tokens. Every call is the next collective of the
/// step's plan: sizes follow from how tokens are chosen, never from logits (see <see cref="ChoiceShape"/>).
/// </summary>
internal interface IVocabularyPeers
{
    /// <summary>Tokens of the model.</summary>
    int Vocabulary { get; }

    /// <summary>The first token that this rank holds.</summary>
    int First { get; }

    /// <summary>How many ranks divide the vocabulary.</summary>
    int Ranks { get; }

    /// <summary>This rank's place among them.</summary>
    int Place { get; }

    /// <summary>
    /// Whether the step's next collective is for a purpose: other replicas' rows may need what this one's do not, and then all
    /// take part.
    /// </summary>
    bool IsNext(CollectivePurpose purpose);

    /// <summary>Gathers what each rank brings, in their order.</summary>
    /// <param name="purpose">What it is for.</param>
    /// <param name="own">[n, w].</param>
    /// <param name="all">[ranks · n, w].</param>
    void Gather(CollectivePurpose purpose, Tensor own, Tensor all);

    /// <summary>Adds what each rank brings, in place.</summary>
    /// <param name="purpose">What it is for.</param>
    /// <param name="data">i64 [n, w].</param>
    void Sum(CollectivePurpose purpose, Tensor data);
}
