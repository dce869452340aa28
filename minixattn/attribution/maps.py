"""Attribution by attention weights: of one head, of all, through all layers, with the gradient."""

import numpy as np

from .arrays import gradients_of, same_size, square, weights_of


def one_head(weights, head):
    """Where one head looks, as it is.

        R = A_h

    Parameters
    ----------
    weights : (…, h, L, S)
    head : number of the head, from 0

    Returns
    -------
    (…, L, S)

    References
    ----------
    Bahdanau et al., "Neural Machine Translation by Jointly Learning to Align and Translate" (2015),
    section 5.2.1, where weights are first read as an alignment.
    """
    A = weights_of(weights)
    h = A.shape[-3]
    if not -h <= head < h:
        raise IndexError(
            f"there is no head {head}: these weights {A.shape} have heads 0 to {h - 1}."
        )
    return A[..., head, :, :]


def head_mean(weights):
    """Where the heads look on average.

        Ā = 1/h Σ_h A_h

    Parameters
    ----------
    weights : (…, h, L, S)

    Returns
    -------
    (…, L, S)
    """
    return weights_of(weights).mean(-3)


def gradient_attention(weights, gradients):
    """Weights that a larger score would want larger still, on average over the heads.

        Ā = 1/h Σ_h (∇A_h ⊙ A_h)⁺

    Parameters
    ----------
    weights : (…, h, L, S), A
    gradients : (…, h, L, S), ∇A = ∂y/∂A of the score y that is to be explained

    Returns
    -------
    (…, L, S)

    References
    ----------
    Chefer et al., "Generic Attention-model Explainability for Interpreting Bi-Modal and
    Encoder-Decoder Transformers" (2021), equation 5.
    """
    A = weights_of(weights)
    dA = gradients_of(gradients, A)
    return np.maximum(dA * A, 0).mean(-3)


def with_residual(A):
    """Half of what a token holds came through attention, half stayed: ½(Ā + I)."""
    A = head_mean(A)
    return (A + np.eye(A.shape[-1])) / 2


def rollout(weights):
    """How much of each input token is in each token after all layers, if values just mixed.

        Â_l = ½(Ā_l + I),  R = Â_n ⋯ Â_1

    The halves stand for the attention and the residual connection around it.

    Parameters
    ----------
    weights : self-attention of the layers from the first on, each (…, h, L, L)

    Returns
    -------
    (…, L, L); where the rows of the weights sum to 1, so do these

    References
    ----------
    Abnar and Zuidema, "Quantifying Attention Flow in Transformers" (2020), section 3, equation 1.
    """
    layers = [with_residual(square(f"layer {n}", weights_of(A))) for n, A in enumerate(weights)]
    if not layers:
        raise ValueError("rollout() needs the weights of at least one layer, got none.")
    R = layers[0]
    for A in layers[1:]:
        R = A @ R
    return R


def rollout_encoder_decoder(encoder, decoder, cross):
    """Rollout through a decoder (tokens t) that looks at an encoder (tokens s).

        R_ss = Â_n ⋯ Â_1                            the encoder's rollout
        R_tt = I,  R_ts = 0, then for each layer of the decoder
            R_tt ← Â R_tt,   R_ts ← Â R_ts           self-attention A
            R_tt ← ½ R_tt,   R_ts ← ½ R_ts + ½ C̄ R_ss   cross-attention C

    The second half is this package's extension of the published rule: cross-attention also has a
    residual connection, so half of a token stays what it was.

    Parameters
    ----------
    encoder : self-attention of the encoder's layers, each (…, h, S, S); [] where there is none
    decoder : self-attention of the decoder's layers, each (…, h, L, L)
    cross : cross-attention of the same layers, each (…, h, L, S)

    Returns
    -------
    R_tt : (…, L, L), what comes from the decoder's own tokens
    R_ts : (…, L, S), what comes from the encoder's; a row of both together sums to 1

    References
    ----------
    Abnar and Zuidema (2020), section 3, for the encoder's part.
    """
    decoder, cross = list(decoder), list(cross)
    if len(decoder) != len(cross) or not cross:
        raise ValueError(
            f"each layer of a decoder has self-attention and cross-attention; got "
            f"{len(decoder)} of the first and {len(cross)} of the second."
        )
    L, S = np.shape(cross[0])[-2:]
    encoder = list(encoder)
    R_ss = rollout(encoder) if encoder else np.eye(S)
    same_size("the encoder", R_ss.shape[-1], "the cross-attention's context", S)
    R_tt, R_ts = np.eye(L), np.zeros((L, S))
    for n, (A, C) in enumerate(zip(decoder, cross)):
        A = with_residual(square(f"the decoder's layer {n}", weights_of(A)))
        C = head_mean(C)
        same_size("the decoder's self-attention", A.shape[-1], "its cross-attention", C.shape[-2])
        R_tt, R_ts = A @ R_tt, A @ R_ts
        R_tt, R_ts = R_tt / 2, R_ts / 2 + C @ R_ss / 2
    return R_tt, R_ts
